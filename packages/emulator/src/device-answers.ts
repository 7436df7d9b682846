import {
  concatBytes,
  encodeCbor,
  isCborMap,
  MalformedError,
  OperationError,
  parseCbor,
  type Bytes,
  type Cbor,
} from '@cloister/codec'
import { littleEndian } from './layout.ts'
import type { DocumentRequest } from './nitro/cloud.ts'
import type { DerivedKeyRequest } from './snp/derived-key.ts'

const requestBytes = 96
const responseBytes = 4000
const keyRequestBytes = 32
const keyResponseBytes = 64
/** SEV-SNP firmware status INVALID_PARAM. */
const invalidParameter = 0x16

/** What a guest can ask of its secure processor. */
export type SevGuestAnswers = {
  readonly report: (reportData: Bytes) => Bytes
  /** A key of 32 bytes. @throws {OperationError} for what the chip does not derive from. */
  readonly key: (asked: DerivedKeyRequest) => Bytes
}

/**
 * What `/dev/sev-guest` answers to SNP_GET_REPORT (MSG_REPORT_RSP in a `struct snp_report_resp`) and to SNP_GET_DERIVED_KEY
 * (MSG_KEY_RSP in a `struct snp_derived_key_resp`). A relay tells them apart by the size of what it is asked.
 *
 * Spec: Linux Documentation/virt/coco/sev-guest; SEV-SNP firmware ABI 1.58, tables of MSG_REPORT_REQ, MSG_KEY_REQ and their answers.
 */
export function sevGuestAnswer(message: Bytes, { report: sign, key }: SevGuestAnswers): Bytes {
  if (message.length === keyRequestBytes) return keyAnswer(message, key)
  const fits = message.length === requestBytes && message.subarray(64).every((byte) => byte === 0)
  const report = fits ? sign(message.slice(0, 64)) : new Uint8Array(0)
  const status = littleEndian(fits ? 0 : invalidParameter, 4)
  const head = concatBytes(status, littleEndian(report.length, 4), new Uint8Array(24), report)
  return concatBytes(head, new Uint8Array(responseBytes - head.length))
}

function keyAnswer(message: Bytes, derive: SevGuestAnswers['key']): Bytes {
  const view = new DataView(message.buffer, message.byteOffset)
  const answer = new Uint8Array(keyResponseBytes)
  try {
    const asked = {
      rootKeySelect: view.getUint32(0, true),
      guestFieldSelect: Number(view.getBigUint64(8, true)),
      vmpl: view.getUint32(16, true),
    }
    answer.set(derive(asked), 32)
  } catch (cause) {
    if (!(cause instanceof OperationError)) throw cause
    answer.set(littleEndian(invalidParameter, 4))
  }
  return answer
}

const caps = { bytesMax: 0x3000, depthMax: 4, itemsMax: 16, indefinite: true }
const bytesMax = { user_data: 512, nonce: 512, public_key: 1024 } as const

/**
 * What `/dev/nsm` answers to a request for an attestation document; an error's name to anything else.
 *
 * Spec: aws-nitro-enclaves-nsm-api, Request, Response and ErrorCode.
 */
export function nitroAnswer(
  message: Bytes,
  sign: (asked: Omit<DocumentRequest, 'now'>) => Bytes,
): Bytes {
  try {
    const request = parseCbor(message, 'request', caps)
    const given = isCborMap(request) ? request.get('Attestation') : undefined
    if (given === undefined || !isCborMap(given)) return nitroError('InvalidOperation')
    const [userData, nonce, publicKey] = [
      bytesOf(given, 'user_data'),
      bytesOf(given, 'nonce'),
      bytesOf(given, 'public_key'),
    ]
    const document = sign({
      ...(userData && { userData }),
      ...(nonce && { nonce }),
      ...(publicKey && { publicKey }),
    })
    return encodeCbor(new Map([['Attestation', new Map([['document', document]])]]))
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    return nitroError('InvalidArgument')
  }
}

function bytesOf(
  given: ReadonlyMap<number | bigint | string, Cbor>,
  name: keyof typeof bytesMax,
): Bytes | undefined {
  const value = given.get(name) ?? null
  if (value === null) return undefined
  if (value instanceof Uint8Array && value.length <= bytesMax[name]) return value.slice()
  throw new MalformedError(name, 0, `expected at most ${bytesMax[name]} bytes, or null`)
}

function nitroError(code: string): Bytes {
  return encodeCbor(new Map([['Error', code]]))
}
