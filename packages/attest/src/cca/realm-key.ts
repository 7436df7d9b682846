import { concatBytes, MalformedError, parseCbor, type Bytes } from '@cloister/codec'
import { coordinateBytes, type CurveName, type KeyNumbers } from '#crypto'
import { ClaimSet } from '../cose/claim-set.ts'

/** The realm's attestation key (RAK), and its claim's bytes, whose hash the platform signed. */
export type RealmKey = {
  readonly encoded: Bytes
  /** The older profile has a bare point, the newer one a COSE_Key. */
  readonly encoding: 'raw-uncompressed-point' | 'COSE_Key'
  readonly numbers: KeyNumbers
}

const limits = { bytesMax: 512, depthMax: 3, itemsMax: 32 }

/** Labels of a COSE_Key. Spec: RFC 9052 section 7.1, RFC 9053 section 7.1.1. */
const labels = { type: 1, curve: -1, x: -2, y: -3 }
const ellipticCurve = 2
const curves: Readonly<Record<number, CurveName>> = { 1: 'P-256', 2: 'P-384', 3: 'P-521' }
const rawPointBytes = 1 + 2 * 48

/**
 * Reads the realm's key: an uncompressed point on P-384, or a COSE_Key on any of the three curves. A COSE_Key starts
 * with a map, a point with 04: neither can pass for the other.
 *
 * Spec: Arm DEN0137 A7.2.3; draft-ffm-rats-cca-token.
 *
 * @throws {MalformedError} naming `field`.
 */
export function readRealmKey(encoded: Bytes, field: string): RealmKey {
  if (encoded[0] === 4) {
    if (encoded.length !== rawPointBytes)
      throw new MalformedError(field, 0, `got a point of ${encoded.length} bytes, expected 97`)
    const numbers = { kind: 'ec', curve: 'P-384', point: encoded.subarray(1) } as const
    return { encoded, encoding: 'raw-uncompressed-point', numbers }
  }
  const key = new ClaimSet(parseCbor(encoded, field, limits), field)
  key.integer(labels.type, 'type', ellipticCurve, ellipticCurve)
  const curve = curves[key.integer(labels.curve, 'curve', 1, 3)]
  if (curve === undefined) throw new MalformedError(field, 0, 'a curve without a name')
  const size = [coordinateBytes[curve]]
  const point = concatBytes(key.bytes(labels.x, 'x', size), key.bytes(labels.y, 'y', size))
  return { encoded, encoding: 'COSE_Key', numbers: { kind: 'ec', curve, point } }
}
