import {
  amdNeeds,
  type AmdCollateral,
  type AmdKeyName,
  type RejectedAppraisal,
  type SnpEvidence,
} from '@cloister/attest'
import { OperationError } from '@cloister/codec'
import { fetchAmdAuthorities, fetchAmdRevocationList, fetchVcek } from './amd.ts'
import {
  blamesDocument,
  judge,
  nothingNeeded,
  type FetchedPart,
  type FetchGiven,
  type Fetching,
} from './fetching.ts'

/**
 * Fetches what an SNP report is judged by.
 *
 * A report carries no certificate, so one request has to come before its signature can be checked: for the VCEK, at
 * the one address made of product line, chip and TCB. Only then authorities and revocation list are asked for.
 * Where the machine gave VCEK or VLEK along (`known`), its signature is checked before any request.
 *
 * @throws {OperationError} `collateral-not-served` where AMD's service has no certificate for such a report.
 */
export async function fetchForReport(
  fetching: Fetching,
  evidence: SnpEvidence,
  given: FetchGiven,
): Promise<FetchedPart | RejectedAppraisal> {
  const known = given.known?.amd
  if (known?.crl !== undefined) return nothingNeeded
  const before = await judge(evidence, given, given.known ?? {})
  if (known !== undefined)
    return before.authentic === false
      ? before
      : await withRevocationList(fetching, evidence, given, {
          value: { amd: known },
          documents: [],
        })
  if (before.authentic === false && before.reject !== 'COLLATERAL_MISSING') return before
  const vcek = vcekOf(amdNeeds(evidence, given.productLine))
  const { client, amd } = fetching
  const leaf = await fetchVcek(client, amd, vcek, given.now)
  const above = await fetchAmdAuthorities(client, amd, 'VCEK', vcek.productLine, given.now)
  const certificateChain = `${leaf.value}${above.value}`
  const documents = [...leaf.documents, ...above.documents]
  return await withRevocationList(fetching, evidence, given, {
    value: { amd: { certificateChain } },
    documents,
  })
}

/** Adds the revocation list of a product line, once the report's signature holds. */
async function withRevocationList(
  { client, amd }: Fetching,
  evidence: SnpEvidence,
  given: FetchGiven,
  part: FetchedPart & { readonly value: { readonly amd: AmdCollateral } },
): Promise<FetchedPart | RejectedAppraisal> {
  const appraisal = await judge(evidence, given, part.value)
  if (appraisal.authentic === false) {
    if (blamesDocument(appraisal)) await client.forget(part.documents)
    return appraisal
  }
  const { claims } = appraisal
  if (claims.tee !== 'sev-snp') return part
  const list = await fetchAmdRevocationList(
    client,
    amd,
    claims.signingKey,
    claims.productLine,
    given.now,
  )
  return {
    value: { amd: { ...part.value.amd, crl: list.value } },
    documents: [...part.documents, ...list.documents],
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
