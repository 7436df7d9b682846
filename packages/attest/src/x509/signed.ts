import { DerReader, MalformedError, type Bytes } from '@cloister/codec'
import { coordinateBytes, type KeyNumbers, type PublicKey, type SignatureAlgorithm } from '#crypto'
import { parseEcdsaSignature } from './ecdsa-signature.ts'

/** Something signed: the bytes, and a signature that may or may not be theirs. */
export type Signed = {
  readonly tbs: Bytes
  readonly algorithm: SignatureAlgorithm
  /** As X.509 has it (`der`: ECDSA as two integers) or bare (`raw`: r then s). */
  readonly form: 'der' | 'raw'
  readonly signature: Bytes
}

/** A key that may have signed something, and a name that no other key has. */
export type SigningKey = {
  readonly key: PublicKey
  readonly numbers: KeyNumbers
  /** The key's numbers in hexadecimal. */
  readonly keyName: string
}

/** Computes whether `signed` carries a signature by `signer`. */
export async function isSignedBy(signed: Signed, signer: SigningKey): Promise<boolean> {
  const { tbs, algorithm, signature } = signed
  if (signed.form === 'raw' || algorithm.scheme !== 'ecdsa')
    return await signer.key.verify(algorithm, tbs, signature)
  if (signer.numbers.kind !== 'ec') return false
  const raw = parseEcdsaSignature(signature, 'signature', coordinateBytes[signer.numbers.curve])
  return raw !== undefined && (await signer.key.verify(algorithm, tbs, raw))
}

/**
 * Reads the BIT STRING that holds an X.509 signature; one with ECDSA has to be two positive integers.
 *
 * @throws {MalformedError} naming `field`.
 */
export function readSignature(r: DerReader, algorithm: SignatureAlgorithm, field: string): Bytes {
  const { bytes, unused } = r.bits(field)
  if (unused !== 0) throw new MalformedError(field, 0, 'not whole bytes')
  if (algorithm.scheme === 'ecdsa') parseEcdsaSignature(bytes, field, 0)
  return bytes
}
