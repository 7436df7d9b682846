import { concatBytes, encodeHex, equalBytes, MalformedError, type Bytes } from '@cloister/codec'
import { digest, type HashName } from '#crypto'
import type { TpmEvidence } from '../evidence.ts'
import { refuseUnless } from '../reject.ts'
import { hashNamed } from './algorithms.ts'
import type { PcrSelection } from './parse.ts'

/** Values of PCRs by bank and index, in hexadecimal. */
export type PcrValues = Readonly<Record<string, Readonly<Record<string, string>>>>

/** A PCR, as reasons name it: `sha256:7`. */
export type PcrName = string

/** What is known about the PCRs that a quote selects. */
export type QuotedPcrs =
  | { readonly complete: true; readonly values: PcrValues }
  /** Values of these were not given, so nothing is known about any. */
  | { readonly complete: false; readonly missing: readonly PcrName[] }

const pcrsMax = 32

/**
 * Checks the values that came with a quote: those of PCRs that it selects, in its order, hash to its digest.
 *
 * Values of other PCRs are not signed: they are left out. Spec: TCG TPM 2.0 library, part 3, TPM2_Quote.
 *
 * @throws {MalformedError} on an unknown bank, an index past 31, or a value of another length than its bank's.
 * @throws {Refusal} PCR_DIGEST.
 */
export async function checkPcrs(
  given: TpmEvidence['pcrs'],
  selection: readonly PcrSelection[],
  pcrDigest: Bytes,
  hash: HashName,
): Promise<QuotedPcrs> {
  const missing: PcrName[] = []
  const parts: Bytes[] = []
  const values: Record<string, Readonly<Record<string, string>>> = {}
  for (const { bank, indices } of selection) {
    const quoted: Record<string, string> = {}
    for (const index of indices) {
      const value = given?.[bank.name]?.[String(index)]
      if (value === undefined) missing.push(pcrName(bank.name, index))
      else parts.push(value)
      if (value !== undefined) quoted[String(index)] = encodeHex(value)
    }
    values[bank.name] = quoted
  }
  if (missing.length > 0) return { complete: false, missing }
  const computed = await digest(hash, concatBytes(...parts))
  refuseUnless(
    equalBytes(computed, pcrDigest),
    'PCR_DIGEST',
    () => `PCR values: got ${encodeHex(computed)}, the quote has ${encodeHex(pcrDigest)}`,
  )
  return { complete: true, values }
}

/** Checks the form of all values given, before anything is computed. @throws {MalformedError} naming the PCR. */
export function checkPcrForm(given: TpmEvidence['pcrs']): void {
  for (const [name, values] of Object.entries(given ?? {})) {
    const bank = hashNamed(name)
    if (bank === undefined)
      throw new MalformedError(
        'PCR values',
        0,
        'got a bank other than sha1, sha256, sha384, sha512',
      )
    for (const [index, value] of Object.entries(values)) {
      if (!/^(?:0|[1-9]\d?)$/.test(index) || Number(index) >= pcrsMax)
        throw new MalformedError(
          `${name} PCR values`,
          0,
          `got an index that is not 0 to ${pcrsMax - 1}`,
        )
      if (value.length !== bank.size)
        throw new MalformedError(
          pcrName(name, Number(index)),
          0,
          `got ${value.length} bytes, expected ${bank.size}`,
        )
    }
  }
}

/** How reasons name a PCR. */
export function pcrName(bank: string, index: number): PcrName {
  return `${bank}:${index}`
}
