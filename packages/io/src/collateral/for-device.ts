import {
  deviceCertificates,
  manifestCertificates,
  type NvidiaEvidence,
  type RejectedAppraisal,
} from '@cloister/attest'
import { MalformedError, type Bytes } from '@cloister/codec'
import { refusalOf } from '../http-client.ts'
import type { FetchedDocument } from './document-client.ts'
import {
  judge,
  nothingNeeded,
  type FetchedPart,
  type FetchGiven,
  type Fetching,
} from './fetching.ts'
import type { Fetched } from './intel.ts'
import { fetchOcspResponse, fetchRim } from './nvidia.ts'

/**
 * Fetches the manifests of a GPU's or NVSwitch's firmware, and the status of every certificate above its leaf and below
 * the roots: once chain and signature of its report hold.
 *
 * A manifest that the service does not have is left out: the appraisal then says that it is missing.
 */
export async function fetchForDevice(
  { client, nvidia }: Fetching,
  evidence: NvidiaEvidence,
  given: FetchGiven,
): Promise<FetchedPart | RejectedAppraisal> {
  const known = given.known?.nvidia
  const appraisal = await judge(evidence, given, 'none')
  if (appraisal.authentic === false) return appraisal
  if (appraisal.claims.tee !== evidence.tee || !('rimIds' in appraisal.claims)) return nothingNeeded
  const { driver, vbios } = appraisal.claims.rimIds
  const documents: FetchedDocument[] = []
  const keep = (fetched: Fetched<string>): string => {
    documents.push(...fetched.documents)
    return fetched.value
  }
  const rims: string[] = [...(known?.rims ?? [])]
  if (rims.length === 0)
    for (const id of [driver, vbios]) {
      if (id === undefined) continue
      const fetched = await unlessAbsent(fetchRim(client, nvidia, id, given.now))
      if (fetched !== undefined) rims.push(keep(fetched))
    }
  const responses = [...(known?.ocspResponses ?? [])]
  if (responses.length === 0) {
    // NVIDIA's responder knows nothing of a device's leaf: the device's own boot ROM issues it.
    const chains = [deviceCertificates(evidence).slice(1), ...rims.map(signersOf)]
    for (const [certificate, issuer] of chains.flatMap(pairs))
      responses.push(keep(await fetchOcspResponse(client, nvidia, certificate, issuer, given.now)))
  }
  return {
    value: { nvidia: { rims, ocspResponses: [...new Set(responses)] } },
    documents,
  }
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
