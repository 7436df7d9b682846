// Opens an envelope a second time, from the specifications and on node:crypto's primitives alone: the KEM of
// draft-ietf-hpke-pq (0x647a, the X-Wing combiner) and the key schedule of RFC 9180, mode base.
import {
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  type KeyObject,
} from 'node:crypto'

/** Opens with the 32-byte private key. */
export function referenceOpen(
  privateKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  envelope: Uint8Array,
) {
  const { mlKem, x25519 } = expand(privateKey)
  const theirs = envelope.subarray(1088, 1120)
  const secretX = diffieHellman({ privateKey: x25519, publicKey: x25519Public(theirs) })
  const shared = createHash('sha3-256')
    .update(decapsulate(mlKem, envelope.subarray(0, 1088)))
    .update(secretX)
    .update(theirs)
    .update(rawPublic(x25519, 32))
    .update('\\.//^\\')
    .digest()
  const { key, nonce } = keySchedule(shared, info)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce)
  decipher.setAAD(aad)
  decipher.setAuthTag(envelope.subarray(-16))
  return Buffer.concat([decipher.update(envelope.subarray(1120, -16)), decipher.final()])
}

/** The 1,216-byte public key of a 32-byte private key. */
export function referencePublicKey(privateKey: Uint8Array) {
  const { mlKem, x25519 } = expand(privateKey)
  return Buffer.concat([rawPublic(mlKem, 1184), rawPublic(x25519, 32)])
}

function expand(privateKey: Uint8Array) {
  const seeds = createHash('shake256', { outputLength: 96 }).update(privateKey).digest()
  return {
    mlKem: pkcs8('3054020100300b060960864801650304040204428040', seeds.subarray(0, 64)),
    x25519: pkcs8('302e020100300506032b656e04220420', seeds.subarray(64)),
  }
}

function pkcs8(prefix: string, seed: Uint8Array): KeyObject {
  return createPrivateKey({
    key: Buffer.concat([Buffer.from(prefix, 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  })
}

function x25519Public(raw: Uint8Array): KeyObject {
  const spki = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), raw])
  return createPublicKey({ key: spki, format: 'der', type: 'spki' })
}

function rawPublic(key: KeyObject, size: number) {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-size)
}

function keySchedule(shared: Uint8Array, info: Uint8Array) {
  const suite = Buffer.from('HPKE\x64\x7a\x00\x01\x00\x02', 'latin1')
  const none = Buffer.alloc(0)
  const extract = (salt: Uint8Array, label: string, ikm: Uint8Array) =>
    createHmac('sha256', salt).update('HPKE-v1').update(suite).update(label).update(ikm).digest()
  const context = Buffer.concat([
    Uint8Array.of(0),
    extract(none, 'psk_id_hash', none),
    extract(none, 'info_hash', info),
  ])
  const secret = extract(shared, 'secret', none)
  const take = (label: string, size: number) =>
    createHmac('sha256', secret)
      .update(Uint8Array.of(0, size))
      .update('HPKE-v1')
      .update(suite)
      .update(label)
      .update(context)
      .update(Uint8Array.of(1))
      .digest()
      .subarray(0, size)
  return { key: take('key', 32), nonce: take('base_nonce', 12) }
}
