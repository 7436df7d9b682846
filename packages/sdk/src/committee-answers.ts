import { encodeHex } from '@cloister/codec'
import {
  committeeAbi,
  messageDigest,
  messageField,
  objectField,
  quorum,
  sameHex,
  signatureField,
  signerOf,
  sortSignatures,
  type Checkpoint,
  type Handover,
} from '@cloister/protocol'
import { decodeFunctionData, type Address, type Hex } from 'viem'

import { askChain } from './chain.ts'
import type { Client } from './client.ts'
import { askPeer, peerUrl } from './peer.ts'
import { sayError, sdkError } from './sdk-error.ts'

/** A checkpoint that a quorum of the current committee signed over our own nonce. */
export type SignedCheckpoint = {
  readonly checkpoint: Checkpoint
  readonly signatures: readonly Hex[]
}

const answerField = objectField({
  checkpoint: messageField('Checkpoint'),
  signature: signatureField,
})

/**
 * Has the committee sign a checkpoint of a block, over a fresh nonce: it can't be older than this call.
 *
 * @throws {OperationError} `receipt-incomplete` where no quorum signs, `chain-down`.
 */
export async function askCheckpoint(client: Client, height: bigint): Promise<SignedCheckpoint> {
  const nonce: Hex = `0x${encodeHex(crypto.getRandomValues(new Uint8Array(32)))}`
  const block = await askChain(client.chain, `read block ${height}`, (reader) =>
    reader.getBlock({ blockNumber: height }),
  )
  const { epoch, members } = await currentCommittee(client)
  const checkpoint: Checkpoint = {
    chainId: BigInt(client.chain.id),
    height,
    blockHash: block.hash,
    blockTime: block.timestamp,
    committee: epoch,
    nonce,
  }
  const digest = messageDigest(client.domain, 'Checkpoint', checkpoint)
  const failures: string[] = []
  const request = { chainId: client.chain.id, height: height.toString(), nonce }
  const given = await Promise.all(
    client.deployment.verifiers.map(async ({ url }): Promise<readonly Hex[]> => {
      try {
        const route = peerUrl(url, '/v1/checkpoints')
        const { signature } = await askPeer(client.fetch, route, answerField, request)
        const signer = await signerOf(digest, signature)
        if (members.some((member) => sameHex(member, signer))) return [signature]
        failures.push(`${url} signed something else, or is no member`)
      } catch (error) {
        failures.push(sayError(error))
      }
      return []
    }),
  )
  const signatures = await sortSignatures(digest, given.flat())
  const needed = quorum(members.length)
  if (signatures.length >= needed) return { checkpoint, signatures: signatures.slice(0, needed) }
  throw sdkError(
    'receipt-incomplete',
    `Cannot get a checkpoint of block ${height}: ${signatures.length} of ${members.length} members signed, ${needed} are needed (${failures.join('; ')}); try again later`,
    { retryable: true },
  )
}

/** Every handover since the genesis committee, with the signatures that it was made by. @throws {OperationError} `chain-down`, `receipt-incomplete`. */
export async function readHandovers(client: Client): Promise<readonly Handover[]> {
  const address = client.deployment.home.contracts.committee
  const logs = await askChain(client.chain, 'read handovers', (reader) =>
    reader.getContractEvents({
      address,
      abi: committeeAbi,
      eventName: 'HandedOver',
      fromBlock: 0n,
      strict: true,
    }),
  )
  const later = logs.filter((log) => log.args.epoch > client.deployment.genesisCommittee.epoch)
  return Promise.all(
    later.map(async ({ args, transactionHash }) => {
      const input = await inputOf(client, transactionHash)
      const call = decodeCall(input)
      if (call?.functionName !== 'handover')
        throw sdkError(
          'receipt-incomplete',
          `Cannot find the signatures of the handover to epoch ${args.epoch}: transaction ${transactionHash} does not show them; ask a verifier's operator for them`,
        )
      return { epoch: args.epoch, members: args.members, signatures: call.args[2] }
    }),
  )
}

/** What a transaction called its contract with. @throws {OperationError} `chain-down`. */
export async function inputOf(client: Client, hash: Hex): Promise<Hex> {
  const transaction = await askChain(client.chain, `read transaction ${hash}`, (reader) =>
    reader.getTransaction({ hash }),
  )
  return transaction.input
}

async function currentCommittee(
  client: Client,
): Promise<{ readonly epoch: bigint; readonly members: readonly Address[] }> {
  const call = { address: client.deployment.home.contracts.committee, abi: committeeAbi } as const
  return askChain(client.chain, 'read the committee', async (reader) => {
    const epoch = await reader.readContract({ ...call, functionName: 'epoch' })
    const members = await reader.readContract({ ...call, functionName: 'membersAt', args: [epoch] })
    return { epoch, members }
  })
}

// Whoever sent it through another contract has other input: that is no failure of the chain.
function decodeCall(input: Hex) {
  try {
    return decodeFunctionData({ abi: committeeAbi, data: input })
  } catch {
    return undefined
  }
}
