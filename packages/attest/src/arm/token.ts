import { MalformedError, unixSeconds, type Bytes } from '@cloister/codec'
import type { ClaimSet } from '../cose/claim-set.ts'
import { cborDepthMax, coseBytesMax } from '../cose/message.ts'

/** Claims that CBOR of tokens may hold: bounds on what a stranger can make us keep. */
export const tokenLimits = { bytesMax: coseBytesMax, depthMax: cborDepthMax, itemsMax: 2048 }

/** The end of 9999, which X.509 gives to what does not end: a token says of no time. Spec: RFC 5280 section 4.1.2.5. */
export const withoutEnd = unixSeconds(253_402_300_799)

/** A UEID of type RAND: 01, then 32 bytes. Spec: RFC 9783 section 4.2.1. */
export function readInstanceId(set: ClaimSet, key: number, what: string): Bytes {
  const instanceId = set.bytes(key, 'instance id', [33])
  if (instanceId[0] !== 1)
    throw new MalformedError(`${what} instance id`, 0, 'expected 01 and 32 bytes')
  return instanceId
}
