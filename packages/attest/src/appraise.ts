import type { Appraisal, Evidence, Given } from './appraisal.ts'
import { appraiseTdxQuote, TdxMemory } from './tdx/appraise.ts'

/** Appraises evidence like {@link appraise}, and remembers what it read. */
export type Appraiser = {
  readonly appraise: (evidence: Evidence, given: Given) => Promise<Appraisal>
}

/**
 * Appraises evidence. Pure and deterministic: no network, no clock, no state.
 *
 * Bad evidence is an answer: nothing is thrown for it.
 */
export function appraise(evidence: Evidence, given: Given): Promise<Appraisal> {
  return createAppraiser().appraise(evidence, given)
}

/**
 * Makes an appraiser that is faster from the second time on: it keeps, in bounds, parsed certificates,
 * revocation lists and signed documents by their whole text, and which signatures by authorities hold.
 *
 * It never keeps a verdict. Times, the PCK certificate's signature, both signatures of the quote,
 * the TCB and the policy are judged anew each time, and nothing is kept past its own expiry.
 */
export function createAppraiser(): Appraiser {
  const tdx = new TdxMemory()
  const byTee: Readonly<Record<Evidence['tee'], Appraiser['appraise']>> = {
    tdx: (evidence, given) => appraiseTdxQuote(evidence.quote, given, tdx),
  }
  return { appraise: (evidence, given) => byTee[evidence.tee](evidence, given) }
}
