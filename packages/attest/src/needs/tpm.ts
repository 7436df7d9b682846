import type { SnpEvidence, TdxEvidence, TpmEvidence } from '../evidence.ts'
import { parseHclBlob } from '../tpm/hcl.ts'

/**
 * The evidence of the machine below a vTPM, where it came along: what is fetched for that is what the vTPM leans on.
 *
 * Nothing is verified. @throws {MalformedError} where the blob is not in its format.
 */
export function hardwareBelow({
  hcl,
  hardwareQuote,
}: TpmEvidence): SnpEvidence | TdxEvidence | undefined {
  if (hcl === undefined) return undefined
  const { hardware } = parseHclBlob(hcl)
  if (hardware.kind === 'snp') return { tee: 'sev-snp', report: hardware.report }
  return hardwareQuote && { tee: 'tdx', quote: hardwareQuote }
}
