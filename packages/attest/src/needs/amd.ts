import { encodeHex } from '@cloister/codec'
import type { SnpEvidence } from '../evidence.ts'
import { parseSnpReport } from '../snp/parse.ts'
import { productLineOfCpu, type ProductLine } from '../snp/product.ts'
import { readTcb, type SnpTcb } from '../snp/tcb.ts'

/** What signed a report, as its certificate is asked for. */
export type AmdKeyName =
  | {
      readonly key: 'VCEK'
      readonly productLine: ProductLine
      /** The chip: 64 bytes in hexadecimal; on Turin 8. */
      readonly hwid: string
      readonly tcb: SnpTcb
    }
  | { readonly key: 'VLEK' }
  /** `masked`: the report names no chip. `unknown line`: it does not say of which product line the chip is. */
  | { readonly key: 'none'; readonly because: 'masked' | 'unknown line' | 'not signed' }

/**
 * Which certificate an SNP report needs. Reports of version 2 do not name their product line: `productLine` does.
 *
 * Nothing is verified. Spec: AMD VCEK certificate and KDS interface specification 57230, chapter 4.
 *
 * @throws {MalformedError} where it is no report.
 */
export function amdNeeds({ report }: SnpEvidence, productLine?: ProductLine): AmdKeyName {
  const { signingKey, chipId, cpuid, reportedTcb } = parseSnpReport(report)
  if (signingKey === 'VLEK') return { key: 'VLEK' }
  if (signingKey === 'none') return { key: 'none', because: 'not signed' }
  if (chipId.every((byte) => byte === 0)) return { key: 'none', because: 'masked' }
  const line = cpuid === undefined ? productLine : productLineOfCpu(cpuid)
  if (line === undefined) return { key: 'none', because: 'unknown line' }
  return {
    key: 'VCEK',
    productLine: line,
    hwid: encodeHex(line === 'Turin' ? chipId.subarray(0, 8) : chipId),
    tcb: readTcb(reportedTcb, line),
  }
}
