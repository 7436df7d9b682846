import { OperationError } from '@cloister/codec'
import {
  addressField,
  messageDigest,
  messageToJson,
  objectField,
  sameHex,
  signatureField,
  signerOf,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { ChainView } from '../chain/chain-view.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { attemptEvidenceField, type ReleaseRequest } from './attempt-request.ts'
import { readCertified } from './certified.ts'
import type { Keepers } from './keepers.ts'
import type { SignedRecord } from './release-log.ts'

/** Another keeper's signature under a record. */
type Countersigned = { readonly countersignature: Hex; readonly countersigner: Address }

const answerField = objectField({ countersignature: signatureField, countersigner: addressField })

/**
 * Has another keeper of the asset countersign a record: one of them after the other, until one does.
 *
 * @throws {OperationError} `no-countersignature`, saying what each answered.
 */
export async function countersigned(
  context: EnclaveContext,
  view: ChainView,
  request: ReleaseRequest,
  record: SignedRecord,
  { operators }: Keepers,
): Promise<Countersigned> {
  const body = {
    release: messageToJson('Release', record.release),
    signature: record.signature,
    bundle: attemptEvidenceField.encode(request.bundle),
  }
  const failures: unknown[] = []
  for (const operator of operators) {
    if (sameHex(operator, operators[request.shareIndex])) continue
    try {
      const answer = await context.host.keeper(operator, 'countersign', body)
      const given = answerField.parse(answer, 'countersign')
      await requireCountersigner(context, view, record, operator, given)
      return given
    } catch (error) {
      failures.push(error)
    }
  }
  throw new OperationError(
    'no-countersignature',
    `Cannot release share ${request.shareIndex} of asset ${request.asset}: no other keeper countersigned its record (${failures.map(reasonText).join('; ')})`,
    { retryable: true, cause: failures },
  )
}

// Any key can sign. It counts as the chain's word for it: the certified node of the operator that was asked.
async function requireCountersigner(
  context: EnclaveContext,
  view: ChainView,
  { digest: release }: SignedRecord,
  operator: Address,
  { countersignature, countersigner }: Countersigned,
): Promise<void> {
  const message = { release, countersigner }
  const digest = messageDigest(context.config.domain, 'Countersignature', message)
  if (!sameHex(countersigner, await signerOf(digest, countersignature)))
    refuse('it is not signed by its countersigner')
  const node = await readCertified(context, view, countersigner)
  if (node === undefined) refuse(`${countersigner} is not a certified node`)
  if (!sameHex(node.operator, operator)) refuse(`${countersigner} is not a node of ${operator}`)
}

function refuse(detail: string): never {
  throw new OperationError('countersign-refused', `Cannot use a countersignature: ${detail}`)
}

// Texts of our own errors only: what a keeper's enclave or the hosts said, cut to a line.
function reasonText(error: unknown): string {
  return error instanceof OperationError ? error.message.slice(0, 200) : 'malformed answer'
}
