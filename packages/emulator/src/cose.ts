import { createHmac } from 'node:crypto'
import { CborTag, encodeCbor, type Bytes, type Cbor } from '@cloister/codec'
import type { SigningKey } from './signing-key.ts'

/** Number of the algorithm that goes with a key's curve. Spec: RFC 9053 section 2.1. */
const algorithms = { 'P-256': -7, 'P-384': -35, 'P-521': -36 } as const

/** Signs a payload as COSE_Sign1, tagged or not. Spec: RFC 9052 section 4.2. */
export function signCose(payload: Bytes, key: SigningKey, form: 'tagged' | 'untagged'): Bytes {
  const header = encodeCbor(new Map([[1, algorithms[key.curve]]]))
  const signed = encodeCbor(['Signature1', header, new Uint8Array(0), payload])
  const message: Cbor = [header, new Map(), payload, key.signRaw(signed)]
  return encodeCbor(form === 'tagged' ? new CborTag(18, message) : message)
}

/** Writes a payload as COSE_Mac0, tagged, with HMAC 256/256. Spec: RFC 9052 section 6.2. */
export function macCose(payload: Bytes, key: Bytes): Bytes {
  const header = encodeCbor(new Map([[1, 5]]))
  const covered = encodeCbor(['MAC0', header, new Uint8Array(0), payload])
  const tag = new Uint8Array(createHmac('sha256', key).update(covered).digest())
  return encodeCbor(new CborTag(17, [header, new Map(), payload, tag]))
}
