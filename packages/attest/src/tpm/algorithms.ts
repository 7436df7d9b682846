import type { Reader } from '@cloister/codec'
import type { CurveName, HashName } from '#crypto'
import { UnsupportedFormatError } from '../reject.ts'

/** How banks and hashes are named here, as tools for TPMs name them. */
export type TpmHashName = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/** A hash function as a TPM has it. */
export type TpmHash = {
  readonly name: TpmHashName
  readonly hash: HashName
  /** Bytes of a digest. */
  readonly size: number
}

/** TPM_ALG_ID of hash functions. Spec: TCG TPM 2.0 library, part 2, 6.3. */
const hashes: Readonly<Record<number, TpmHash>> = {
  0x0004: { name: 'sha1', hash: 'SHA-1', size: 20 },
  0x000b: { name: 'sha256', hash: 'SHA-256', size: 32 },
  0x000c: { name: 'sha384', hash: 'SHA-384', size: 48 },
  0x000d: { name: 'sha512', hash: 'SHA-512', size: 64 },
}

/** TPM_ALG_ID of key types and signature schemes. Spec: part 2, 6.3. */
export const algorithmIds = {
  rsa: 0x0001,
  null: 0x0010,
  rsassa: 0x0014,
  rsapss: 0x0016,
  ecdsa: 0x0018,
  ecc: 0x0023,
} as const

/** A signature scheme that is verified here. */
export type TpmScheme = 'rsassa' | 'rsapss' | 'ecdsa'

const schemes: Readonly<Record<number, TpmScheme>> = {
  [algorithmIds.rsassa]: 'rsassa',
  [algorithmIds.rsapss]: 'rsapss',
  [algorithmIds.ecdsa]: 'ecdsa',
}

/** TPM_ECC_CURVE. Spec: part 2, 6.4. */
const curves: Readonly<Record<number, CurveName>> = {
  0x0003: 'P-256',
  0x0004: 'P-384',
  0x0005: 'P-521',
}

/** Reads the identifier of a hash. @throws {UnsupportedFormatError} on one that is not computed here. */
export function readHash(r: Reader, field: string): TpmHash {
  return readNamed(r, field, hashes, 'SHA-1, SHA-256, SHA-384 or SHA-512')
}

/** Reads the identifier of a signature scheme. @throws {UnsupportedFormatError} on one not verified here. */
export function readScheme(r: Reader, field: string): TpmScheme {
  return readNamed(r, field, schemes, 'RSASSA, RSAPSS or ECDSA')
}

/** Like {@link readScheme}, and `none` where a key is tied to no scheme. */
export function readSchemeOrNone(r: Reader, field: string): TpmScheme | 'none' {
  return readNamed(
    r,
    field,
    { ...schemes, [algorithmIds.null]: 'none' } as const,
    'RSASSA, RSAPSS, ECDSA or none',
  )
}

/** Reads the identifier of a curve. @throws {UnsupportedFormatError} on one not verified on here. */
export function readCurve(r: Reader, field: string): CurveName {
  return readNamed(r, field, curves, 'P-256, P-384 or P-521')
}

/** The hash whose digest is this long, where there is one. */
export function hashOfSize(size: number): TpmHash | undefined {
  return Object.values(hashes).find((hash) => hash.size === size)
}

/** The hash of that name, where there is one. */
export function hashNamed(name: string): TpmHash | undefined {
  return Object.values(hashes).find((hash) => hash.name === name)
}

/** The hash of that identifier, where it is computed here. */
export function hashOfId(id: number): TpmHash | undefined {
  return hashes[id]
}

function readNamed<T>(
  r: Reader,
  field: string,
  known: Readonly<Record<number, T>>,
  expected: string,
): T {
  const at = r.offset
  const id = r.u16(field)
  const found = known[id]
  if (found === undefined)
    throw new UnsupportedFormatError(
      field,
      at,
      `got algorithm 0x${id.toString(16).padStart(4, '0')}, expected ${expected}`,
    )
  return found
}
