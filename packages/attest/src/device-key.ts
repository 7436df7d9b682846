import {
  concatBytes,
  encodeBase64Url,
  encodeHex,
  MalformedError,
  parseBase64Url,
  type Bytes,
  type Json,
} from '@cloister/codec'
import { coordinateBytes, isKeySize, sha256, type CurveName, type KeyNumbers } from '#crypto'
import { encodePublicKeyInfo } from './x509/public-key.ts'

/** A device's public key that came with its evidence or from somebody who vouches for it. */
export type DeviceKey = KeyNumbers

/** Most keys that one collateral may hold. */
export const deviceKeysMax = 32

/**
 * Reads a device's key from a JSON Web Key: `EC` on P-256, P-384 or P-521, or `RSA`. Members that do not belong to
 * the public key's numbers are ignored, a private one too.
 *
 * Spec: RFC 7518 section 6.
 *
 * @throws {MalformedError} naming the member.
 */
export function parseDeviceKey(value: Json, field = 'device key'): DeviceKey {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new MalformedError(field, 0, 'expected a JSON Web Key')
  const members = new Map<string, Json>(Object.entries(value))
  const bytes = (name: string): Bytes => {
    const text = members.get(name)
    if (typeof text !== 'string') throw new MalformedError(`${field} ${name}`, 0, 'absent')
    return parseBase64Url(text, `${field} ${name}`)
  }
  const type = members.get('kty')
  if (type === 'RSA') {
    const key = { kind: 'rsa', modulus: bytes('n'), exponent: bytes('e') } as const
    if (!isKeySize(key))
      throw new MalformedError(
        field,
        0,
        'expected RSA of 2048 to 4096 bits with an odd exponent from 3, and no leading zeros',
      )
    return key
  }
  const curve = curveOf(members.get('crv'))
  if (type !== 'EC' || curve === undefined)
    throw new MalformedError(field, 0, 'expected kty EC (P-256, P-384, P-521) or RSA')
  const [x, y] = [bytes('x'), bytes('y')]
  if (x.length !== coordinateBytes[curve] || y.length !== coordinateBytes[curve])
    throw new MalformedError(field, 0, `coordinates are not ${coordinateBytes[curve]} bytes each`)
  return { kind: 'ec', curve, point: concatBytes(x, y) }
}

/** Reads a list of JSON Web Keys, or a single one. @throws {MalformedError} naming the key. */
export function deviceKeysOf(value: Json): readonly DeviceKey[] {
  const list: readonly Json[] = Array.isArray(value) ? value : [value]
  if (list.length > deviceKeysMax)
    throw new MalformedError('device keys', 0, `got ${list.length}, at most ${deviceKeysMax}`)
  return list.map((each, index) => parseDeviceKey(each, `device key ${index + 1}`))
}

/** A device's key as a JSON Web Key. */
export function encodeDeviceKey(key: DeviceKey): Readonly<Record<string, string>> {
  if (key.kind === 'rsa')
    return { kty: 'RSA', n: encodeBase64Url(key.modulus), e: encodeBase64Url(key.exponent) }
  const size = coordinateBytes[key.curve]
  return {
    kty: 'EC',
    crv: key.curve,
    x: encodeBase64Url(key.point.subarray(0, size)),
    y: encodeBase64Url(key.point.subarray(size)),
  }
}

/** SHA-256 of the key's SubjectPublicKeyInfo in hexadecimal: how an anchor names it. */
export async function deviceKeySha256(key: DeviceKey): Promise<string> {
  return encodeHex(await sha256(encodePublicKeyInfo(key)))
}

function curveOf(value: Json | undefined): CurveName | undefined {
  return value === 'P-256' || value === 'P-384' || value === 'P-521' ? value : undefined
}
