import {
  intelNeeds,
  withPckChain,
  type Collateral,
  type IntelPlatformName,
  type RejectedAppraisal,
  type SgxEvidence,
  type TdxEvidence,
} from '@cloister/attest'
import { MalformedError } from '@cloister/codec'
import type { FetchedDocument } from './document-client.ts'
import {
  blamesDocument,
  judge,
  type FetchedPart,
  type FetchGiven,
  type Fetching,
} from './fetching.ts'
import { fetchIntel, fetchPckChain } from './intel.ts'

/**
 * Fetches what an Intel quote is judged by, once its signatures hold up to an anchor.
 *
 * A quote that only names its PCK certificate costs one request before that, once its own key's signature holds: for
 * that certificate, without which the rest can't be checked.
 */
export async function fetchForQuote(
  fetching: Fetching,
  evidence: SgxEvidence | TdxEvidence,
  given: FetchGiven,
): Promise<FetchedPart | RejectedAppraisal> {
  const before = await judge(evidence, given, 'none')
  if (before.authentic === false) return before
  const found = await findPck(fetching, evidence, given)
  if ('authentic' in found) return found
  const { whole, chain, documents } = found
  const known = given.known?.intel
  if (known !== undefined && (await isWanted(whole, { intel: known }, given)))
    return { value: { intel: { ...known, ...chain } }, documents, warnings: [] }
  const { client, intel } = fetching
  const update = given.update ?? 'standard'
  const fetched = await fetchIntel(client, intel, platformIn(whole), update, given.now)
  return {
    value: { intel: { ...fetched.value, ...chain } },
    documents: [...fetched.documents, ...documents],
    warnings: [],
  }
}

/** A quote with its PCK chain in it; and that chain, where it came from elsewhere. */
type FoundPck = {
  readonly whole: SgxEvidence | TdxEvidence
  readonly chain: { readonly pckCertificateChain: string } | undefined
  readonly documents: readonly FetchedDocument[]
}

/** Finds a PCK chain that the quote's signatures hold under: in the quote, at hand, or from Intel. */
async function findPck(
  { client, intel }: Fetching,
  evidence: SgxEvidence | TdxEvidence,
  given: FetchGiven,
): Promise<FoundPck | RejectedAppraisal> {
  const needs = intelNeeds(evidence)
  if ('fmspc' in needs) return { whole: evidence, chain: undefined, documents: [] }
  const known = given.known?.intel?.pckCertificateChain
  if (known !== undefined) {
    const whole = withPckChain(evidence, known)
    const appraisal = await judge(whole, given, 'none')
    if (appraisal.authentic !== false)
      return { whole, chain: { pckCertificateChain: known }, documents: [] }
  }
  const { value, documents } = await fetchPckChain(client, intel, needs, given.now)
  const whole = withPckChain(evidence, value)
  const appraisal = await judge(whole, given, 'none')
  if (appraisal.authentic !== false)
    return { whole, chain: { pckCertificateChain: value }, documents }
  if (blamesDocument(appraisal)) await client.forget(documents)
  return appraisal
}

/** Whether documents at hand hold now, and are those that are asked for. */
async function isWanted(
  evidence: SgxEvidence | TdxEvidence,
  known: Collateral,
  given: FetchGiven,
): Promise<boolean> {
  const { update } = given
  if (update === 'standard' || update === 'early') return false
  const appraisal = await judge(evidence, given, known)
  if (appraisal.authentic !== true) return false
  const { claims } = appraisal
  return (
    update === undefined ||
    (claims.tcbEvaluationDataNumber === update && claims.qeIdentityEvaluationDataNumber === update)
  )
}

/** Of a quote that was judged to hold its PCK chain. */
function platformIn(evidence: SgxEvidence | TdxEvidence): IntelPlatformName {
  const needs = intelNeeds(evidence)
  if ('fmspc' in needs) return needs
  throw new MalformedError('quote', 0, 'it holds no PCK chain')
}
