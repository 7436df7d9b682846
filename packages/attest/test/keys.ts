import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Bytes } from '@cloister/codec'
import type { CurveName, KeyNumbers } from '../src/crypto-web.ts'

/** A fresh key pair, and the public key's numbers as Node's own JSON Web Key has them. */
export type TestKey = {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly numbers: KeyNumbers
}

/** A key on a curve, or of RSA with a modulus of so many bits. */
export function keyPair(kind: CurveName | number): TestKey {
  const pair =
    typeof kind === 'number'
      ? generateKeyPairSync('rsa', { modulusLength: kind })
      : generateKeyPairSync('ec', { namedCurve: kind })
  const { n, e, x, y } = pair.publicKey.export({ format: 'jwk' })
  const numbers: KeyNumbers =
    typeof kind === 'number'
      ? { kind: 'rsa', modulus: bytes(n), exponent: bytes(e) }
      : { kind: 'ec', curve: kind, point: Uint8Array.of(...bytes(x), ...bytes(y)) }
  return { ...pair, numbers }
}

/** SubjectPublicKeyInfo as Node writes it. */
export function spkiOf({ publicKey }: TestKey): Bytes {
  return Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }))
}

function bytes(text: string | undefined): Bytes {
  return Uint8Array.from(Buffer.from(text ?? '', 'base64url'))
}
