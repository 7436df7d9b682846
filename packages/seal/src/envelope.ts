import { concatBytes, MalformedError, type Bytes } from '@cloister/codec'
import {
  AEAD_AES_256_GCM,
  CipherSuite,
  DecapError,
  DeserializeError,
  EncapError,
  KDF_HKDF_SHA256,
  KEM_MLKEM768_X25519,
  NotSupportedError,
  OpenError,
  type Key,
} from 'hpke'

import { sealingError } from './sealing-error.ts'

/** A private key that opens envelopes. It has no readable bytes of its own. */
export type EnvelopePrivateKey = Readonly<Key>

/** A key pair for envelopes: the public key as its 1,216 bytes, which may be hashed and sent. */
export type EnvelopeKeyPair = {
  readonly publicKey: Bytes
  readonly privateKey: EnvelopePrivateKey
}

/** Whether a private key may be serialised later. Who says nothing gets a key that never leaves. */
export type Extractable = { readonly extractable: boolean }

/** Bytes of a public key: ML-KEM-768, then X25519. */
export const envelopePublicKeyBytes = 1216

/** Bytes of a private key, and of the seed that a pair is derived from. */
export const envelopePrivateKeyBytes = 32

/** Bytes of the encapsulated secret that every envelope starts with. */
export const encapsulatedBytes = 1120

/** Bytes by which an envelope is longer than its plaintext. */
export const envelopeOverheadBytes: number = encapsulatedBytes + 16

/** The longest plaintext of one envelope. Larger data is a sealed object, whose key travels in an envelope. */
export const envelopePlaintextBytesMax: number = 1 << 20

/** The longest `info`, and the longest `aad`. */
export const envelopeContextBytesMax = 65_536

/** What this package seals to public keys with. Spec: RFC 9180; KEM 0x647a of draft-ietf-hpke-pq, KDF 0x0001, AEAD 0x0002. */
export const suite: CipherSuite = new CipherSuite(
  KEM_MLKEM768_X25519,
  KDF_HKDF_SHA256,
  AEAD_AES_256_GCM,
)

/**
 * Draws a fresh key pair.
 *
 * @throws {OperationError} `unsupported`, where the runtime has no ML-KEM.
 */
export async function generateEnvelopeKeyPair(
  { extractable }: Extractable = { extractable: false },
): Promise<EnvelopeKeyPair> {
  const pair = await supported(() => suite.GenerateKeyPair(extractable))
  return serialized(pair)
}

/**
 * Derives the same key pair from the same 32 uniformly random bytes, for an owner who keeps a key file. Use the seed for nothing
 * else.
 *
 * @throws {MalformedError} on another size. @throws {OperationError} `unsupported`.
 */
export async function deriveEnvelopeKeyPair(
  seed: Bytes,
  { extractable }: Extractable = { extractable: false },
): Promise<EnvelopeKeyPair> {
  requireSize('envelope seed', seed, envelopePrivateKeyBytes)
  const pair = await supported(() => suite.DeriveKeyPair(seed, extractable))
  return serialized(pair)
}

/**
 * The 32 bytes of a private key. They are the key: whoever has them opens every envelope to it.
 *
 * @throws {OperationError} `not-extractable`, unless the key was made with `extractable: true`.
 */
export async function serializeEnvelopePrivateKey(key: EnvelopePrivateKey): Promise<Bytes> {
  if (!key.extractable)
    throw sealingError(
      'not-extractable',
      'Cannot serialise the envelope private key: it was made to stay; make it with { extractable: true }',
    )
  return new Uint8Array(await suite.SerializePrivateKey(key))
}

/**
 * Reads the 32 bytes of a private key.
 *
 * @throws {MalformedError} on another size. @throws {OperationError} `unsupported`.
 */
export async function parseEnvelopePrivateKey(
  bytes: Bytes,
  { extractable }: Extractable = { extractable: false },
): Promise<EnvelopePrivateKey> {
  requireSize('envelope private key', bytes, envelopePrivateKeyBytes)
  return supported(() => suite.DeserializePrivateKey(bytes, extractable))
}

/**
 * Seals `plaintext` to a public key: encapsulated secret, then ciphertext. The recipient must give the same `info` and `aad`. It says
 * nothing about who sealed it.
 *
 * @throws {MalformedError} on a public key that is none. @throws {OperationError} `too-large` or `unsupported`.
 */
export async function sealEnvelope(
  publicKey: Bytes,
  info: Bytes,
  aad: Bytes,
  plaintext: Bytes,
): Promise<Bytes> {
  requireContexts(info, aad)
  requireAtMost('plaintext', plaintext.length, envelopePlaintextBytesMax)
  requireSize('envelope public key', publicKey, envelopePublicKeyBytes)
  const recipient = await supported(() => suite.DeserializePublicKey(publicKey))
  const sealed = await supported(() => suite.Seal(recipient, plaintext, { info, aad }))
  return concatBytes(sealed.encapsulatedSecret, sealed.ciphertext)
}

/**
 * Opens an envelope. It was made for this key, with this `info` and `aad`, and is unchanged.
 *
 * @throws {MalformedError} on bytes too short to be one.
 * @throws {OperationError} `envelope-refused`, `too-large` or `unsupported`.
 */
export async function openEnvelope(
  key: EnvelopeKeyPair | EnvelopePrivateKey,
  info: Bytes,
  aad: Bytes,
  envelope: Bytes,
): Promise<Bytes> {
  requireContexts(info, aad)
  if (envelope.length < envelopeOverheadBytes)
    throw new MalformedError(
      'envelope',
      0,
      `got ${envelope.length} bytes, expected at least ${envelopeOverheadBytes}`,
    )
  requireAtMost('envelope', envelope.length, envelopePlaintextBytesMax + envelopeOverheadBytes)
  const privateKey = 'privateKey' in key ? key.privateKey : key
  const secret = envelope.subarray(0, encapsulatedBytes)
  const ciphertext = envelope.subarray(encapsulatedBytes)
  try {
    return new Uint8Array(
      await supported(() => suite.Open(privateKey, secret, ciphertext, { info, aad })),
    )
  } catch (cause) {
    if (!(cause instanceof OpenError || cause instanceof DecapError)) throw cause
    throw sealingError(
      'envelope-refused',
      'Cannot open the envelope: private key, info, added data and envelope do not belong together; check that it was ' +
        'sealed to this public key for this purpose',
      { cause },
    )
  }
}

async function serialized(pair: {
  readonly publicKey: Readonly<Key>
  readonly privateKey: Readonly<Key>
}): Promise<EnvelopeKeyPair> {
  const publicKey = new Uint8Array(await suite.SerializePublicKey(pair.publicKey))
  return { publicKey, privateKey: pair.privateKey }
}

/** Does what needs this suite's algorithms. @throws {MalformedError} on bytes that are no key. @throws {OperationError} `unsupported`. */
export async function supported<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (cause instanceof NotSupportedError)
      throw sealingError(
        'unsupported',
        'Cannot use envelopes here: the runtime lacks ML-KEM-768, X25519, SHA3-256 or SHAKE256 in WebCrypto; use Node 24 or a ' +
          'browser that has them',
        { cause },
      )
    if (cause instanceof EncapError)
      throw new MalformedError('envelope public key', 0, 'no secret can be agreed with it', {
        cause,
      })
    if (cause instanceof DeserializeError)
      throw new MalformedError('envelope key', 0, 'its bytes are not a key', { cause })
    throw cause
  }
}

function requireContexts(info: Bytes, aad: Bytes): void {
  requireAtMost('info', info.length, envelopeContextBytesMax)
  requireAtMost('aad', aad.length, envelopeContextBytesMax)
}

function requireAtMost(what: string, size: number, max: number): void {
  if (size > max)
    throw sealingError(
      'too-large',
      `Cannot use ${what} of ${size} bytes in an envelope: at most ${max} are accepted`,
    )
}

function requireSize(field: string, bytes: Bytes, size: number): void {
  if (bytes.length !== size)
    throw new MalformedError(field, 0, `got ${bytes.length} bytes, expected ${size}`)
}
