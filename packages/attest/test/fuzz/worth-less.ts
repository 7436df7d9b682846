import { canonicalJson } from '@cloister/codec'
import {
  isAccepted,
  type Appraisal,
  type AuthenticAppraisal,
  type NvidiaClaims,
  type TpmClaims,
} from '@cloister/attest'

/**
 * Whether a mutant says what the genuine evidence says, and no more: where a bad document counts for nothing in place
 * of refusing all (NVIDIA's manifests), or a claim tells of bytes that nobody signs.
 *
 * It never is accepted where the genuine one is not. `manifests` are those that NVIDIA issued, by {@link manifestsOf}.
 */
export function isWorthLess(
  mutant: AuthenticAppraisal,
  genuine: Appraisal,
  manifests: ReadonlySet<string>,
): boolean {
  if (genuine.authentic !== mutant.authentic || (isAccepted(mutant) && !isAccepted(genuine)))
    return false
  // No certificate says whose key signed: there is nothing for a signature to prove yet.
  if (mutant.reasons.some(({ code }) => code === 'PCK_CERT_UNAVAILABLE'))
    return mutant.authentic === 'chain-only'
  const [a, b] = [mutant.claims, genuine.claims]
  if (isNvidia(a) && isNvidia(b))
    return (
      signedPart(a) === signedPart(b) && a.rims.every((rim) => isKnownOrNothing(rim, manifests))
    )
  if (a.tee !== 'tpm2' || b.tee !== 'tpm2') return false
  const isSupplied = a.endorsement === 'supplied' && a.anchor.startsWith('supplied:')
  return signedByTpm(a, isSupplied) === signedByTpm(b, isSupplied) && isBorneOut(a.boot, b.boot)
}

/**
 * Without what an event log says, and, where nothing vouches for the key, without what would: a chain to a root that is
 * no anchor counts for nothing.
 */
function signedByTpm(claims: TpmClaims, isSupplied: boolean): string {
  const { boot: _, ...said } = claims
  // Its attributes are as whoever sent the key says.
  const vouched = { ...said, attestationKey: claims.attestationKey.spkiSha256 }
  if (!isSupplied) return canonicalJson(vouched)
  const { anchor: __, endorsement: ___, productLine: ____, ...others } = vouched
  const { machineId: _____, revocation: ______, ...signed } = others
  return canonicalJson(signed)
}

function isNvidia(claims: AuthenticAppraisal['claims']): claims is NvidiaClaims {
  return claims.tee === 'nvidia-gpu' || claims.tee === 'nvidia-nvswitch'
}

/** Of an event log only the digests and their order are borne out by PCRs: nothing else may be claimed. */
function isBorneOut(boot: TpmClaims['boot'], genuine: TpmClaims['boot']): boolean {
  if (boot === undefined) return true
  return (
    (boot.secureBoot === undefined || boot.secureBoot === genuine?.secureBoot) &&
    boot.matching.every((name) => genuine?.matching.includes(name)) &&
    (boot.bootDigests === undefined || boot.bootDigests.join() === genuine?.bootDigests?.join())
  )
}

/** Without what manifests say, and without how many zeros follow the signature. */
function signedPart(claims: NvidiaClaims): string {
  const { rims: _, revocation: __, trailingBytes: ___, ...signed } = claims
  return canonicalJson(signed)
}

/** What identifies the manifests that genuine evidence came with, as {@link isWorthLess} wants them. */
export function manifestsOf({ authentic, ...appraisal }: Appraisal): readonly string[] {
  if (authentic === false || !('claims' in appraisal) || !isNvidia(appraisal.claims)) return []
  return appraisal.claims.rims.map(manifestName)
}

type Rim = NvidiaClaims['rims'][number]

/** What a manifest says by itself: which measurements it does not have depends on the device, too. */
function manifestName(rim: Rim): string {
  if ('malformed' in rim) return 'malformed'
  const { tagId, product, version, active, notBefore, notAfter } = rim
  return canonicalJson([tagId, product, version, active, notBefore, notAfter])
}

function isKnownOrNothing(rim: Rim, manifests: ReadonlySet<string>): boolean {
  if ('malformed' in rim) return true
  const isGenuine =
    rim.signatureHolds && rim.digestHolds && (rim.chain === 'good' || rim.chain === 'expired')
  return !isGenuine || manifests.has(manifestName(rim))
}
