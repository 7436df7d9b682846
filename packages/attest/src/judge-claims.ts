import { isDevnetAnchor } from './anchors.ts'
import type { CommonClaims } from './claims.ts'
import type { Policy, Tier } from './policy.ts'
import { isDeniedLine } from './product-line.ts'
import { lowerHex, unless, unlessListed, whereSet, type Reason } from './reasons.ts'

/** What a vendor can say about keys that it has taken back. */
type Revocation = 'lists exist' | 'no lists exist'

/** What a policy has against claims that every kind of evidence makes. */
export function judgeCommonClaims(
  claims: CommonClaims,
  policy: Policy,
  revocation: Revocation,
): readonly Reason[] {
  return [
    ...unlessListed('MEASUREMENT', 'what runs', claims.measurement, policy.measurements),
    ...unless(
      policy.reportData === 'any' || lowerHex(policy.reportData) === claims.reportData,
      'REPORT_DATA',
      'what the TEE signed',
      claims.reportData,
      policy.reportData,
    ),
    ...unlessListed('MACHINE', 'which machine', claims.machineId, policy.machineIds),
    ...judgeTier(claims, policy),
    ...unless(
      !isDeniedLine(claims.productLine, policy),
      'PRODUCT_LINE',
      'keys of this product line are not believed',
      claims.productLine,
      'a product line that the policy believes',
    ),
    ...unless(
      claims.revocation === 'good' ||
        revocation === 'no lists exist' ||
        policy.allowUnknownRevocation,
      'REVOCATION_UNKNOWN',
      'whether the vendor has revoked a key that this rests on',
      'not checked',
      "a current revocation list or answer of the vendor's",
    ),
    ...unless(
      claims.endorsement === 'pinned' || policy.allowSuppliedKeys,
      'ENDORSEMENT',
      'whose key this is: it came with the evidence, and nothing vouches for it',
      'supplied',
      'pinned',
    ),
    ...whereSet(
      'DEBUG',
      'somebody outside can look into it',
      claims.debug === true,
      policy.allowDebug,
    ),
  ]
}

/** The tier of a machine under a policy's lists. */
export function tierOf(
  claims: Pick<CommonClaims, 'anchor' | 'endorsement' | 'machineId'>,
  policy: Pick<Policy, 'machineLists'>,
): Tier {
  // A key that nobody vouches for can be anybody's own.
  if (claims.endorsement === 'supplied' || isDevnetAnchor(claims.anchor)) return 0
  const { machineId } = claims
  if (machineId === undefined) return 1
  const lists = policy.machineLists.filter((list) =>
    list.machineIds.some((id) => lowerHex(id) === machineId),
  )
  return lists.some(({ tier }) => tier === 3) ? 3 : lists.length > 0 ? 2 : 1
}

function judgeTier(claims: CommonClaims, policy: Policy): readonly Reason[] {
  const tier = tierOf(claims, policy)
  return unless(
    tier >= policy.minTier,
    'TIER',
    'how much this machine is trusted',
    String(tier),
    `at least ${policy.minTier}`,
  )
}
