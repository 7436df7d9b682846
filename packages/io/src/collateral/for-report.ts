import {
  amdNeeds,
  type AmdKeyName,
  type ClaimsByTee,
  type RejectedAppraisal,
  type SnpEvidence,
} from '@cloister/attest'
import { OperationError } from '@cloister/codec'
import { fetchAmdAuthorities, fetchAmdRevocationList, fetchVcek } from './amd.ts'
import type { FetchedDocument } from './document-client.ts'
import {
  blamesDocument,
  judge,
  orFailure,
  type FetchedPart,
  type FetchGiven,
  type Fetching,
} from './fetching.ts'

/**
 * Fetches what an SNP report is judged by.
 *
 * A report carries no certificate, so one request has to come before its signature can be checked: for the VCEK, at
 * the one address made of product line, chip and TCB. Only then authorities and revocation list are asked for.
 * Where a VCEK or VLEK is at hand (`known`), the signature is checked by it before any request.
 *
 * @throws {OperationError} `collateral-not-served` where AMD's service has no certificate for such a report.
 */
export async function fetchForReport(
  fetching: Fetching,
  evidence: SnpEvidence,
  given: FetchGiven,
): Promise<FetchedPart | RejectedAppraisal> {
  const bare = await judge(evidence, given, {})
  if (bare.authentic === false && bare.reject !== 'COLLATERAL_MISSING') return bare
  const found = await findChain(fetching, evidence, given)
  return 'authentic' in found ? found : await withRevocationList(fetching, evidence, given, found)
}

/** Certificates that the report's signature holds under. */
type FoundChain = {
  readonly certificateChain: string
  readonly documents: readonly FetchedDocument[]
  /** What the report says, its signature having been checked. */
  readonly claims: ClaimsByTee['sev-snp']
}

/** Finds them at hand or at AMD's. A report that is forged by the certificate at hand costs nothing. */
async function findChain(
  { client, amd }: Fetching,
  evidence: SnpEvidence,
  given: FetchGiven,
): Promise<FoundChain | RejectedAppraisal> {
  const needs = amdNeeds(evidence, given.productLine)
  if (given.known?.amd !== undefined) {
    const { certificateChain } = given.known.amd
    const appraisal = await judge(evidence, given, { amd: { certificateChain } })
    if (appraisal.authentic !== false)
      return { certificateChain, documents: [], claims: appraisal.claims }
    if (!blamesDocument(appraisal) || needs.key !== 'VCEK') return appraisal
  }
  const vcek = vcekOf(needs)
  const leaf = await fetchVcek(client, amd, vcek, given.now)
  const above = await fetchAmdAuthorities(client, amd, 'VCEK', vcek.productLine, given.now)
  const certificateChain = `${leaf.value}${above.value}`
  const documents = [...leaf.documents, ...above.documents]
  const appraisal = await judge(evidence, given, { amd: { certificateChain } })
  if (appraisal.authentic !== false)
    return { certificateChain, documents, claims: appraisal.claims }
  if (blamesDocument(appraisal)) await client.forget(documents)
  return appraisal
}

/**
 * Adds the revocation list of a product line, once the report's signature holds. Without it the report is still
 * authentic, and says that revocation was not checked: a service that fails is a warning.
 */
async function withRevocationList(
  { client, amd }: Fetching,
  evidence: SnpEvidence,
  given: FetchGiven,
  { certificateChain, documents, claims }: FoundChain,
): Promise<FetchedPart> {
  const crl = given.known?.amd?.crl
  const known = { certificateChain, ...(crl !== undefined && { crl }) }
  const appraisal = await judge(evidence, given, { amd: known })
  const isRevoked = appraisal.authentic === false && appraisal.reject === 'CERT_REVOKED'
  if (appraisal.authentic !== false && appraisal.claims.revocation === 'good')
    return { value: { amd: known }, documents, warnings: [] }
  const { signingKey, productLine } = claims
  const list = await orFailure(
    fetchAmdRevocationList(client, amd, signingKey, productLine, given.now),
  )
  if (list instanceof OperationError)
    return {
      // A list that names the key is not let go for want of another.
      value: { amd: isRevoked ? known : { certificateChain } },
      documents,
      warnings: [`Whether AMD revoked this chip's certificate is unknown. ${list.message}`],
    }
  return {
    value: { amd: { certificateChain, crl: list.value } },
    documents: [...documents, ...list.documents],
    warnings: [],
  }
}

function vcekOf(needs: AmdKeyName): Extract<AmdKeyName, { key: 'VCEK' }> {
  if (needs.key === 'VCEK') return needs
  const why = needs.key === 'VLEK' ? reasons.vlek : reasons[needs.because]
  throw new OperationError(
    'collateral-not-served',
    `Cannot fetch the certificate of this report: ${why}`,
  )
}

const reasons = {
  vlek: 'a VLEK signed it, which only the machine can give; take it from there',
  masked: 'its chip id is masked; give the certificate that the machine holds',
  'not signed': 'it says that no key signed it; ask for a signed one',
  'unknown line': 'it does not say of which product line it is; name Milan, Genoa or Turin',
} as const
