import { Reader, type Bytes } from '@cloister/codec'
import {
  coordinateBytes,
  publicKey,
  type CurveName,
  type KeyNumbers,
  type SignatureAlgorithm,
} from '#crypto'
import { Refusal, refuseUnless } from '../reject.ts'
import { parseEcdsaSignature } from '../x509/ecdsa-signature.ts'
import { hashOfSize, readHash, readScheme, type TpmHash, type TpmScheme } from './algorithms.ts'
import type { AttestationKey } from './attestation-key.ts'
import { readSized } from './parse.ts'

/** How a quote was signed. */
export type TpmAlgorithm = { readonly scheme: TpmScheme; readonly hash: TpmHash }

/** A signature as {@link publicKey} takes it, and what it says about how it was made. */
export type TpmSignature = {
  /** The number of RSA, or r then s. */
  readonly value: Bytes
  /** Absent in a bare signature. */
  readonly algorithm?: TpmAlgorithm
}

const signatureBytesMax = 512
const coordinateBytesMax = 66

/**
 * Reads a signature: TPMT_SIGNATURE, or bare, as long as the modulus of RSA or two integers in DER.
 *
 * Which of the two it is follows from the key: no TPMT_SIGNATURE is as long as a modulus, none begins like DER.
 * Spec: TCG TPM 2.0 library, part 2, 11.3.4.
 *
 * @throws {UnsupportedFormatError} on a scheme or hash not verified here.
 * @throws {MalformedError} naming the field.
 */
export function parseTpmSignature(bytes: Bytes, key: KeyNumbers): TpmSignature {
  if (key.kind === 'rsa' && bytes.length === key.modulus.length) return { value: bytes }
  if (key.kind === 'ec' && bytes[0] === 0x30) {
    const value = parseEcdsaSignature(bytes, 'signature', coordinateBytes[key.curve])
    return { value: value ?? new Uint8Array(0) }
  }
  const r = new Reader(bytes, 'big')
  const scheme = readScheme(r, 'signature scheme')
  const hash = readHash(r, 'signature hash')
  const value =
    scheme === 'ecdsa'
      ? readPair(r, key.kind === 'ec' ? key.curve : 'P-521')
      : readSized(r, 'signature', signatureBytesMax)
  r.end('signature')
  return { value, algorithm: { scheme, hash } }
}

/** r and s, each as short as the TPM likes; nothing verifies where one is longer than the curve's. */
function readPair(r: Reader, curve: CurveName): Bytes {
  const size = coordinateBytes[curve]
  const parts = ['signature r', 'signature s'].map((field) =>
    readSized(r, field, coordinateBytesMax),
  )
  if (parts.some((part) => part.length > size)) return new Uint8Array(0)
  const value = new Uint8Array(2 * size)
  for (const [index, part] of parts.entries()) value.set(part, (index + 1) * size - part.length)
  return value
}

const cryptoSchemes: Readonly<Record<TpmScheme, SignatureAlgorithm['scheme']>> = {
  rsassa: 'rsa-pkcs1',
  rsapss: 'rsa-pss',
  ecdsa: 'ecdsa',
}

/**
 * Verifies a quote's signature and says how it was made.
 *
 * The hash of the signature is also that of the PCR digest (part 3, TPM2_Quote), so a bare signature's follows from
 * the digest's length. A key that is tied to one scheme signs with no other.
 *
 * @throws {Refusal} QUOTE_SIGNATURE.
 */
export async function verifyTpmSignature(
  quote: { readonly bytes: Bytes; readonly pcrDigest: Bytes },
  signature: TpmSignature,
  key: AttestationKey,
): Promise<TpmAlgorithm> {
  const verifier = publicKey(key.numbers)
  for (const algorithm of candidates(signature, key, quote.pcrDigest)) {
    const { scheme, hash } = algorithm
    const how = { scheme: cryptoSchemes[scheme], hash: hash.hash }
    if (await verifier.verify(how, quote.bytes, signature.value)) {
      refuseUnless(
        hash.size === quote.pcrDigest.length,
        'QUOTE_SIGNATURE',
        () => `PCR digest: got ${quote.pcrDigest.length} bytes, expected those of ${hash.name}`,
      )
      return algorithm
    }
  }
  throw new Refusal('QUOTE_SIGNATURE', 'TPM quote, by the attestation key')
}

function candidates(
  { algorithm }: TpmSignature,
  { numbers, scheme }: AttestationKey,
  pcrDigest: Bytes,
): readonly TpmAlgorithm[] {
  const hash = hashOfSize(pcrDigest.length)
  const bare: readonly TpmScheme[] = numbers.kind === 'ec' ? ['ecdsa'] : ['rsassa', 'rsapss']
  const said = algorithm ? [algorithm] : hash ? bare.map((each) => ({ scheme: each, hash })) : []
  return said.filter(
    (each) => scheme === undefined || (each.scheme === scheme.scheme && each.hash === scheme.hash),
  )
}
