import type { Evidence } from '@cloister/attest'
import { encodeHex, equalBytes, Reader, type Bytes } from '@cloister/codec'

import { collectError } from './collect-error.ts'

type QuotedEvidence = Extract<Evidence, { readonly tee: 'sgx' | 'tdx' | 'sev-snp' }>

/**
 * Looks whether the report data of a request stands in the evidence that was collected for it, so that a kernel or
 * an agent that answered another request is noticed here and not by a stranger. It is no appraisal: the
 * signature over these bytes is not looked at.
 *
 * @throws {OperationError} `evidence-raced`, where other report data stands there.
 * @throws {MalformedError} where the evidence is too short to hold any.
 */
export function requireReportData(evidence: QuotedEvidence, reportData: Bytes): void {
  const found = reportDataOf(evidence)
  if (equalBytes(found, reportData)) return
  throw collectError(
    'evidence-raced',
    `asked for report data ${encodeHex(reportData)}, got evidence over ${encodeHex(found)}; another request came in between, try again`,
  )
}

/** Offsets of REPORTDATA. Spec: Intel TDX DCAP Quoting Library API, A.3, A.4; SEV-SNP firmware ABI, table 23. */
function reportDataOf(evidence: QuotedEvidence): Bytes {
  if (evidence.tee === 'sev-snp') return bytesAt(evidence.report, 0x50)
  if (evidence.tee === 'sgx') return bytesAt(evidence.quote, 48 + 320)
  const version = new Reader(evidence.quote).u16('version')
  return bytesAt(evidence.quote, (version === 5 ? 54 : 48) + 520)
}

function bytesAt(bytes: Bytes, offset: number): Bytes {
  const r = new Reader(bytes)
  r.bytes('fields before the report data', offset)
  return r.bytes('report data', 64)
}
