import { encodeHex, encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'
import { sha256 } from '#crypto'
import type { Appraisal, Given } from './appraisal.ts'
import type { PsaEvidence, TpmEvidence } from './evidence.ts'
import { appraisePsa } from './psa/appraise.ts'
import type { PsaClaims } from './psa/claims.ts'
import { appraiseTpm } from './tpm/appraise.ts'
import type { TpmClaims } from './tpm/claims.ts'

/** Evidence of a device that made data: a PSA token, or a TPM's quote. */
export type ProvenanceEvidence = PsaEvidence | TpmEvidence

const assetDigestBytes = 32

/**
 * What a device that made an asset signs: 32 bytes, as a PSA token's nonce or a TPM quote's qualifying data. Both take
 * that many, and no challenge of another protocol can be equal to it.
 *
 * @throws {MalformedError} where the asset's digest is not 32 bytes.
 */
export async function provenanceNonce(assetDigest: Bytes): Promise<Bytes> {
  const { length } = assetDigest
  if (length !== assetDigestBytes)
    throw new MalformedError('asset digest', 0, `got ${length} bytes, expected ${assetDigestBytes}`)
  return await sha256(encodeUtf8('cloister/provenance/1\0'), assetDigest)
}

/**
 * Appraises evidence that a device signed the asset with this digest: as ever, and what the policy says of report data
 * gives way to {@link provenanceNonce}. It says nothing of when the data was made, nor of who made it first.
 */
export async function appraiseProvenance(
  evidence: ProvenanceEvidence,
  assetDigest: Bytes,
  given: Given,
): Promise<Appraisal<PsaClaims | TpmClaims>> {
  const reportData = encodeHex(await provenanceNonce(assetDigest))
  const asked: Given = { ...given, policy: { ...given.policy, reportData } }
  return evidence.tee === 'arm-psa'
    ? await appraisePsa(evidence, asked)
    : await appraiseTpm(evidence, asked)
}
