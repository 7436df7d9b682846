import {
  concatBytes,
  encodeCbor,
  isCborMap,
  MalformedError,
  parseCbor,
  type Bytes,
  type Cbor,
} from '@cloister/codec'
import { littleEndian } from './layout.ts'
import type { DocumentRequest } from './nitro/cloud.ts'

const requestBytes = 96
const responseBytes = 4000
/** SEV-SNP firmware status INVALID_PARAM. */
const invalidParameter = 0x16

/**
 * What `/dev/sev-guest` answers to SNP_GET_REPORT: MSG_REPORT_RSP in a `struct snp_report_resp`.
 *
 * Spec: Linux Documentation/virt/coco/sev-guest; SEV-SNP firmware ABI 1.58, tables MSG_REPORT_REQ and MSG_REPORT_RSP.
 */
export function sevGuestAnswer(message: Bytes, sign: (reportData: Bytes) => Bytes): Bytes {
  const fits = message.length === requestBytes && message.subarray(64).every((byte) => byte === 0)
  const report = fits ? sign(message.slice(0, 64)) : new Uint8Array(0)
  const status = littleEndian(fits ? 0 : invalidParameter, 4)
  const head = concatBytes(status, littleEndian(report.length, 4), new Uint8Array(24), report)
  return concatBytes(head, new Uint8Array(responseBytes - head.length))
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
