import { createPublicKey, sign, type KeyObject } from 'node:crypto'
import { concatBytes, encodeDer, type Bytes } from '@cloister/codec'
import { objectIdentifier, sequence, unsignedInteger } from '../der.ts'
import {
  deriveSigningKey,
  type CertificateKey,
  type SigningCurve,
  type SigningKey,
} from '../signing-key.ts'
import { signPss } from '../rsa-pss.ts'
import { rsaPrivateKey } from '../snp/rsa-key.ts'
import { bigEndian, tpm2b } from './big-endian.ts'
import { tpmHashes, type TpmHashName } from './hashes.ts'
import { deriveShortPrime } from './prime.ts'

/** How an attestation key signs. */
export type TpmKeyScheme = 'rsassa' | 'rsapss' | 'ecdsa'

/** What can be chosen about an attestation key. */
export type AttestationKeyOptions = {
  readonly scheme: TpmKeyScheme
  /** SHA-256 unless chosen. An ECC key's is that of its curve's strength. */
  readonly hash?: TpmHashName
  /** P-256 unless chosen. */
  readonly curve?: SigningCurve
  /** A key that also signs what others made, as if the TPM had made it. */
  readonly unrestricted?: boolean
}

/** An emulated attestation key. */
export type EmulatedKey = {
  readonly certificateKey: CertificateKey
  readonly hash: TpmHashName
  readonly tpmtPublic: Bytes
  /** JSON Web Key of the public half. */
  readonly publicJwk: Readonly<Record<string, unknown>>
  /** TPMT_SIGNATURE. */
  signTpmt(message: Uint8Array): Bytes
  /** The number of RSA, or two integers in DER. */
  signBare(message: Uint8Array): Bytes
}

const schemeIds: Readonly<Record<TpmKeyScheme, number>> = {
  rsassa: 0x0014,
  rsapss: 0x0016,
  ecdsa: 0x0018,
}
const curveIds: Readonly<Record<SigningCurve, number>> = {
  'P-256': 0x0003,
  'P-384': 0x0004,
  'P-521': 0x0005,
}
const curveHashes: Readonly<Record<SigningCurve, TpmHashName>> = {
  'P-256': 'sha256',
  'P-384': 'sha384',
  'P-521': 'sha512',
}

/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, sign; and restricted, as for every attestation key. */
const attributes = { unrestricted: 0x0004_0072, restricted: 0x0005_0072 }
const nullAlgorithm = 0x0010

/** Derives an attestation key: RSA-2048, or ECC. Equal seed, label and options, equal key. */
export function deriveAttestationKey(
  seed: Uint8Array,
  label: string,
  options: AttestationKeyOptions,
): EmulatedKey {
  const { scheme, curve = 'P-256' } = options
  if (scheme === 'ecdsa') return ecc(deriveSigningKey(seed, label, curve), curve, options)
  const [p = 0n, q = 0n] = ['p', 'q'].map((name) => deriveShortPrime(seed, `${label}/${name}`))
  return rsa(rsaPrivateKey(p, q), { ...options, scheme })
}

function ecc(key: SigningKey, curve: SigningCurve, options: AttestationKeyOptions): EmulatedKey {
  const hash = curveHashes[curve]
  const half = key.point.length / 2
  const [x, y] = [key.point.slice(0, half), key.point.slice(half)]
  const scheme = concatBytes(bigEndian(schemeIds.ecdsa, 2), bigEndian(tpmHashes[hash].id, 2))
  return {
    certificateKey: key,
    hash,
    publicJwk: { kty: 'EC', crv: curve, x: toUrl(x), y: toUrl(y) },
    tpmtPublic: concatBytes(
      publicHead(0x0023, options),
      scheme,
      bigEndian(curveIds[curve], 2),
      bigEndian(nullAlgorithm, 2), // No key derivation.
      tpm2b(x),
      tpm2b(y),
    ),
    signTpmt: (message) => {
      const signature = key.signRaw(message)
      return concatBytes(scheme, tpm2b(signature.slice(0, half)), tpm2b(signature.slice(half)))
    },
    signBare: (message) => key.signDer(message),
  }
}

function rsa(
  key: KeyObject,
  options: AttestationKeyOptions & { readonly scheme: 'rsassa' | 'rsapss' },
): EmulatedKey {
  const { hash = 'sha256' } = options
  const publicJwk = createPublicKey(key).export({ format: 'jwk' })
  const modulus = new Uint8Array(Buffer.from(publicJwk.n ?? '', 'base64url'))
  const scheme = concatBytes(
    bigEndian(schemeIds[options.scheme], 2),
    bigEndian(tpmHashes[hash].id, 2),
  )
  const signBare = (message: Uint8Array): Bytes =>
    options.scheme === 'rsassa'
      ? new Uint8Array(sign(hash, message, key))
      : signPss(key, modulus.length * 8, hash, message)
  return {
    certificateKey: {
      keyAlgorithm: sequence(objectIdentifier('1.2.840.113549.1.1.1'), encodeDer(0x05)),
      publicKey: sequence(unsignedInteger(modulus), unsignedInteger(Uint8Array.of(1, 0, 1))),
      signatureAlgorithm: sequence(objectIdentifier('1.2.840.113549.1.1.11'), encodeDer(0x05)),
      signDer: (message) => new Uint8Array(sign('sha256', message, key)),
    },
    hash,
    publicJwk,
    tpmtPublic: concatBytes(
      publicHead(0x0001, options),
      scheme,
      bigEndian(modulus.length * 8, 2),
      bigEndian(0, 4), // The usual exponent.
      tpm2b(modulus),
    ),
    signTpmt: (message) => concatBytes(scheme, tpm2b(signBare(message))),
    signBare,
  }
}

/** TPMT_PUBLIC up to the scheme. Spec: TCG TPM 2.0 library, part 2, 12.2.4. */
function publicHead(type: number, { unrestricted }: AttestationKeyOptions): Bytes {
  const bits = unrestricted === true ? attributes.unrestricted : attributes.restricted
  return concatBytes(
    bigEndian(type, 2),
    bigEndian(tpmHashes.sha256.id, 2), // Names are SHA-256.
    bigEndian(bits, 4),
    tpm2b(new Uint8Array(0)), // No policy.
    bigEndian(nullAlgorithm, 2), // Nothing symmetric: it does not decrypt.
  )
}

function toUrl(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
