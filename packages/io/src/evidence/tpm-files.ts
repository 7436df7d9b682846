import type { TpmEvidence } from '@cloister/attest'
import { MalformedError, parseHex, parseJson, type Bytes, type Json } from '@cloister/codec'

import type { EvidenceFiles } from './evidence-files.ts'

/** Names of banks by the length of their values. */
const banks: Readonly<Record<number, string>> = {
  20: 'sha1',
  32: 'sha256',
  48: 'sha384',
  64: 'sha512',
}

const pcrsMax = 32

/**
 * A TPM's quote and what lies beside it: `signature.tpmt.bin` or `signature.bin`, `ak.tpmt_public.bin` or
 * `ak.spki.der`, `ak_cert_chain.pem`, `pcrs.json`, `tcg_event_log.bin`, `hcl_report.bin`, `td_quote.bin`.
 *
 * @throws {MalformedError} naming the file.
 */
export function readTpmFiles(
  quote: Bytes,
  files: Pick<EvidenceFiles, 'text' | 'optional'>,
): TpmEvidence {
  const optional = (name: string) => files.optional(name, name)
  const signature = optional('signature.tpmt.bin') ?? optional('signature.bin') ?? new Uint8Array(0)
  const attestationKey = optional('ak.tpmt_public.bin') ?? optional('ak.spki.der')
  const certificateChain = files.text('ak_cert_chain.pem', 'AK certificate chain')
  const pcrs = files.text('pcrs.json', 'PCR values')
  const eventLog = optional('tcg_event_log.bin')
  const hcl = optional('hcl_report.bin')
  const hardwareQuote = optional('td_quote.bin')
  return {
    tee: 'tpm2',
    quote,
    signature,
    ...(attestationKey && { attestationKey }),
    ...(certificateChain !== undefined && { certificateChain }),
    ...(pcrs !== undefined && { pcrs: parsePcrs(pcrs) }),
    ...(eventLog && { eventLog }),
    ...(hcl && { hcl }),
    ...(hardwareQuote && { hardwareQuote }),
  }
}

/**
 * PCR values as JSON: a list from PCR 0 on, whose length tells the bank, or `{"sha256": {"0": "…"}}`. Hexadecimal.
 */
function parsePcrs(text: string): NonNullable<TpmEvidence['pcrs']> {
  const value = parseJson(text, 'PCR values', { charactersMax: 1 << 20, depthMax: 4 })
  if (isList(value)) {
    const [first] = value
    const bank = typeof first === 'string' ? banks[first.length / 2] : undefined
    if (bank === undefined) throw new MalformedError('PCR values', 0, 'expected hexadecimal')
    return { [bank]: valuesOf(Object.entries(value)) }
  }
  return Object.fromEntries(
    entriesOf(value).map(([bank, values]) => [bank, valuesOf(entriesOf(values))]),
  )
}

function valuesOf(entries: readonly (readonly [string, Json])[]): Readonly<Record<string, Bytes>> {
  if (entries.length > pcrsMax)
    throw new MalformedError('PCR values', 0, `got ${entries.length}, at most ${pcrsMax}`)
  return Object.fromEntries(
    entries.map(([index, hex]) => {
      if (!/^\d{1,2}$/.test(index) || typeof hex !== 'string')
        throw new MalformedError('PCR values', 0, 'expected an index and hexadecimal')
      return [index, parseHex(hex, `PCR ${index}`)]
    }),
  )
}

function entriesOf(value: Json): readonly (readonly [string, Json])[] {
  if (typeof value !== 'object' || value === null || isList(value))
    throw new MalformedError('PCR values', 0, 'expected an object')
  return Object.entries(value)
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
