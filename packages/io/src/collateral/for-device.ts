import {
  deviceCertificates,
  manifestCertificates,
  type Appraisal,
  type NvidiaClaims,
  type NvidiaCollateral,
  type NvidiaEvidence,
  type RejectedAppraisal,
} from '@cloister/attest'
import { MalformedError, OperationError, type Bytes } from '@cloister/codec'
import { refusalOf } from '../http-client.ts'
import type { FetchedDocument } from './document-client.ts'
import {
  judge,
  nothingNeeded,
  orFailure,
  type FetchedPart,
  type FetchGiven,
  type Fetching,
} from './fetching.ts'
import { fetchOcspResponse, fetchRim } from './nvidia.ts'

/**
 * Fetches the manifests of a GPU's or NVSwitch's firmware, and the status of every certificate above its leaf and below
 * the roots: once chain and signature of its report hold.
 *
 * A manifest that the service does not have is left out: the appraisal then says that it is missing. A status that
 * can't be had is left out too, with a warning: the appraisal then says that revocation was not checked.
 */
export async function fetchForDevice(
  fetching: Fetching,
  evidence: NvidiaEvidence,
  given: FetchGiven,
): Promise<FetchedPart | RejectedAppraisal> {
  const bare = await judge(evidence, given, 'none')
  if (bare.authentic === false) return bare
  const known = given.known?.nvidia ?? { rims: [], ocspResponses: [] }
  const appraisal = await judge(evidence, given, { nvidia: known })
  const areRimsGood = haveRims(appraisal) || (await haveRimsAlone(evidence, given, known))
  const isRevocationGood = appraisal.authentic === true && appraisal.claims.revocation === 'good'
  if (areRimsGood && isRevocationGood) return nothingNeeded
  const rims = areRimsGood
    ? { values: known.rims, documents: [] }
    : await fetchRims(fetching, bare.claims, known.rims, given)
  // NVIDIA's responder knows nothing of a device's leaf: the device's own boot ROM issues it.
  const chains = [deviceCertificates(evidence).slice(1), ...rims.values.map(signersOf)]
  const statuses = await fetchStatuses(fetching, chains.flatMap(pairs), given)
  // Answers at hand that can be believed are not let go for want of others: one may say that a certificate is revoked.
  const isUnbelievable =
    appraisal.authentic === false && appraisal.reject === 'OCSP_INVALID_OR_EXPIRED'
  const kept = statuses.warnings.length === 0 || isUnbelievable ? [] : known.ocspResponses
  const ocspResponses = [...new Set([...statuses.values, ...kept])]
  return {
    value: { nvidia: { rims: rims.values, ocspResponses } },
    documents: [...rims.documents, ...statuses.documents],
    warnings: statuses.warnings,
  }
}

/** Texts of documents, and where they came from. */
type FetchedTexts = {
  readonly values: readonly string[]
  readonly documents: readonly FetchedDocument[]
}

/** Whether manifests are there that an appraisal has nothing against, but perhaps that the device runs something else. */
function haveRims(appraisal: Appraisal<NvidiaClaims>): boolean {
  return appraisal.authentic !== false && !appraisal.reasons.some(({ code }) => rimFaults.has(code))
}

const rimFaults: ReadonlySet<string> = new Set(['RIM_MISSING', 'RIM_INVALID', 'RIM_EXPIRED'])

/** The same, where OCSP responses at hand refuse everything. */
async function haveRimsAlone(
  evidence: NvidiaEvidence,
  given: FetchGiven,
  { rims }: NvidiaCollateral,
): Promise<boolean> {
  return haveRims(await judge(evidence, given, { nvidia: { rims, ocspResponses: [] } }))
}

/** Fetches manifests. Those at hand stay where the service lacks one: a bad one counts for nothing. */
async function fetchRims(
  { client, nvidia }: Fetching,
  { rimIds }: NvidiaClaims,
  known: readonly string[],
  given: FetchGiven,
): Promise<FetchedTexts> {
  const ids = [rimIds.driver, rimIds.vbios].filter((id) => id !== undefined)
  const values: string[] = []
  const documents: FetchedDocument[] = []
  for (const id of ids) {
    const fetched = await unlessAbsent(fetchRim(client, nvidia, id, given.now))
    if (fetched === undefined) continue
    values.push(fetched.value)
    documents.push(...fetched.documents)
  }
  const kept = values.length < ids.length ? known : []
  return { values: [...new Set([...values, ...kept])], documents }
}

/** Fetches the status of certificates. A service that can't be reached is asked no more. */
async function fetchStatuses(
  { client, nvidia }: Fetching,
  asked: readonly (readonly [Bytes, Bytes])[],
  given: FetchGiven,
): Promise<FetchedTexts & { readonly warnings: readonly string[] }> {
  const values: string[] = []
  const documents: FetchedDocument[] = []
  const failures: OperationError[] = []
  for (const [certificate, issuer] of asked) {
    const fetched = await orFailure(
      fetchOcspResponse(client, nvidia, certificate, issuer, given.now),
    )
    if (fetched instanceof OperationError) {
      failures.push(fetched)
      if (fetched.retryable) break
    } else {
      values.push(fetched.value)
      documents.push(...fetched.documents)
    }
  }
  const [first] = failures
  const missing = asked.length - values.length
  const warning =
    first &&
    `Whether NVIDIA revoked ${missing} of ${asked.length} certificates is unknown. ${first.message}`
  return { values, documents, warnings: warning === undefined ? [] : [warning] }
}

/** The signers of a manifest; none of one that can't be read, which the appraisal then says. */
function signersOf(rim: string): readonly Bytes[] {
  try {
    return manifestCertificates(rim)
  } catch (cause) {
    if (cause instanceof MalformedError) return []
    throw cause
  }
}

/** Every certificate of a chain with its issuer. */
function pairs(chain: readonly Bytes[]): readonly (readonly [Bytes, Bytes])[] {
  return chain.flatMap((certificate, index) => {
    const issuer = chain[index + 1]
    return issuer === undefined ? [] : [[certificate, issuer] as const]
  })
}

const notFound = 404

async function unlessAbsent<T>(fetching: Promise<T>): Promise<T | undefined> {
  try {
    return await fetching
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    if (refusalOf(cause)?.status === notFound) return undefined
    throw error
  }
}
