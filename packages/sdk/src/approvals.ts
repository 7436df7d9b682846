import { concatBytes, encodeUtf8, OperationError, parseHex, type Bytes } from '@cloister/codec'
import { grantBookAbi, limits } from '@cloister/protocol'
import {
  envelopeOverheadBytes,
  keyBytes,
  openEnvelope,
  sealEnvelope,
  type EnvelopeKeyPair,
  type EnvelopePrivateKey,
} from '@cloister/seal'
import { bytesToHex, type Address, type Hex } from 'viem'

import { askChain } from './chain.ts'
import type { Client } from './client.ts'
import { sdkError } from './sdk-error.ts'

/** One owner's consent that an output's recipient may read it: its part of the key, sealed to the recipient. */
export type Approval = {
  readonly attempt: number
  /** The asset's place in the order. */
  readonly position: number
  readonly owner: Address
  readonly envelope: Hex
}

/** Where an output's key is masked, and for whom. */
type Reviewed = {
  readonly task: Hex
  readonly attempt: number
  readonly reviews: readonly { readonly position: number }[]
}

const approvalPurpose = encodeUtf8('cloister/approval/1')
const envelopeBytes = envelopeOverheadBytes + keyBytes

/** The approvals of a task's outputs that stand on the chain. @throws {OperationError} `chain-down`. */
export async function readApprovals(client: Client, task: Hex): Promise<readonly Approval[]> {
  const logs = await askChain(client.chain, `read the approvals of task ${task}`, (reader) =>
    reader.getContractEvents({
      address: client.deployment.home.contracts.grantBook,
      abi: grantBookAbi,
      eventName: 'OutputApproved',
      args: { task },
      fromBlock: 0n,
      strict: true,
    }),
  )
  return logs
    .map(({ args }) => ({
      attempt: args.attempt,
      position: Number(args.position),
      owner: args.owner,
      envelope: args.envelope,
    }))
    .filter(({ position }) => position < limits.assetsMax)
}

/** Seals an owner's part of an output's key to the recipient. */
export async function sealApproval(
  recipientPublicKey: Bytes,
  place: { readonly task: Hex; readonly attempt: number; readonly position: number },
  part: Bytes,
): Promise<Hex> {
  return bytesToHex(
    await sealEnvelope(recipientPublicKey, approvalPurpose, approvalAad(place), part),
  )
}

/**
 * Takes the owners' parts off an output's key.
 *
 * @throws {OperationError} `not-approved`, naming the places that are still missing.
 */
export async function unmask(
  privateKey: EnvelopeKeyPair | EnvelopePrivateKey,
  masked: Bytes,
  { task, attempt, reviews }: Reviewed,
  approvals: readonly Approval[],
): Promise<Bytes> {
  const key = masked.slice()
  const missing: number[] = []
  for (const { position } of reviews) {
    const part = await partOf(privateKey, { task, attempt, position }, approvals)
    if (part === undefined) missing.push(position)
    else
      for (let index = 0; index < keyBytes; index++)
        key[index] = (key[index] ?? 0) ^ (part[index] ?? 0)
  }
  if (missing.length === 0) return key
  throw sdkError(
    'not-approved',
    `Cannot open the output of task ${task} yet: ${missing.length} of ${reviews.length} owners who review it have not approved it (assets at the places ${missing.join(', ')} of the order); wait, or ask them to run cloister review approve`,
    { retryable: true },
  )
}

// The newest that opens: an owner who sealed a wrong one can approve again.
async function partOf(
  privateKey: EnvelopeKeyPair | EnvelopePrivateKey,
  place: { readonly task: Hex; readonly attempt: number; readonly position: number },
  approvals: readonly Approval[],
): Promise<Bytes | undefined> {
  const own = approvals.filter(
    (each) =>
      each.attempt === place.attempt &&
      each.position === place.position &&
      each.envelope.length === 2 + 2 * envelopeBytes,
  )
  for (const { envelope } of own.toReversed()) {
    try {
      const opened = parseHex(envelope, 'approval')
      return await openEnvelope(privateKey, approvalPurpose, approvalAad(place), opened)
    } catch (error) {
      if (!(error instanceof OperationError)) throw error
    }
  }
  return undefined
}

function approvalAad({
  task,
  attempt,
  position,
}: {
  readonly task: Hex
  readonly attempt: number
  readonly position: number
}): Bytes {
  const bytes = new Uint8Array(5)
  new DataView(bytes.buffer).setUint32(0, attempt)
  bytes[4] = position
  return concatBytes(parseHex(task, 'task'), bytes)
}
