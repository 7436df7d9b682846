import {
  intelNeeds,
  withPckChain,
  type IntelPlatformName,
  type PckName,
  type RejectedAppraisal,
  type SgxEvidence,
  type TdxEvidence,
} from '@cloister/attest'
import { MalformedError } from '@cloister/codec'
import {
  blamesDocument,
  judge,
  nothingNeeded,
  type FetchedPart,
  type FetchGiven,
  type Fetching,
} from './fetching.ts'
import { fetchIntel, fetchPckChain, type Fetched } from './intel.ts'

/**
 * Fetches what an Intel quote is judged by, once its signatures hold up to an anchor.
 *
 * A quote that only names its PCK certificate costs one request before that: for that certificate, without which no
 * signature can be checked.
 */
export async function fetchForQuote(
  fetching: Fetching,
  evidence: SgxEvidence | TdxEvidence,
  given: FetchGiven,
): Promise<FetchedPart | RejectedAppraisal> {
  if (given.known?.intel !== undefined) return nothingNeeded
  const before = await judge(evidence, given, 'none')
  const pck = namedPck(evidence)
  if (pck === undefined)
    return before.authentic === false
      ? before
      : await fetchForPlatform(fetching, platformIn(evidence), given, undefined)
  if (before.authentic === false && before.reject !== 'PCK_CERT_UNAVAILABLE') return before
  const chain = await fetchPckChain(fetching.client, fetching.intel, pck, given.now)
  const whole = withPckChain(evidence, chain.value)
  const after = await judge(whole, given, 'none')
  if (after.authentic !== false)
    return await fetchForPlatform(fetching, platformIn(whole), given, chain)
  if (blamesDocument(after)) await fetching.client.forget(chain.documents)
  return after
}

async function fetchForPlatform(
  { client, intel }: Fetching,
  platform: IntelPlatformName,
  { update, now }: FetchGiven,
  chain: Fetched<string> | undefined,
): Promise<FetchedPart> {
  const { value, documents } = await fetchIntel(client, intel, platform, update ?? 'standard', now)
  return {
    value: { intel: { ...value, ...(chain && { pckCertificateChain: chain.value }) } },
    documents: [...documents, ...(chain?.documents ?? [])],
  }
}

/** Of a quote that was judged to hold its PCK chain. */
function platformIn(evidence: SgxEvidence | TdxEvidence): IntelPlatformName {
  const needs = intelNeeds(evidence)
  if ('fmspc' in needs) return needs
  throw new MalformedError('quote', 0, 'it holds no PCK chain')
}

/** The PCK certificate that a quote names, if it names one. */
function namedPck(evidence: SgxEvidence | TdxEvidence): PckName | undefined {
  try {
    const needs = intelNeeds(evidence)
    return 'fmspc' in needs ? undefined : needs
  } catch (cause) {
    if (cause instanceof MalformedError) return undefined
    throw cause
  }
}
