import type { UnixSeconds } from '@cloister/codec'
import { judgeIntelTcb, type IntelJudgement } from '../dcap/judge-tcb.ts'
import { judgeCommonClaims } from '../judge-claims.ts'
import type { Policy } from '../policy.ts'
import { unless, unlessListed, unlessReached, whereSet, type Reason } from '../reasons.ts'
import type { SgxClaims } from './claims.ts'

/** What a policy wants of an SGX enclave, besides its measurement. */
export type SgxPolicy = {
  /** Who may have signed the enclave: MRSIGNER. The measurement names the enclave already. */
  readonly mrSigners: readonly string[] | 'any'
  /** Accepted products of a signer. Worth something only together with `mrSigners`. */
  readonly isvProdIds: readonly number[] | 'any'
  /** The least security version of a product. */
  readonly minIsvSvn: number
  /**
   * Configurations that an enclave may have been started with (KSS). The measurement does not hold it: all zeros,
   * which is no configuration, is the one that is accepted where nothing is said.
   */
  readonly configIds: readonly string[] | 'any'
  /** An enclave that can derive keys which name its machine for ever. */
  readonly allowProvisionKey: boolean
}

const noConfiguration = '00'.repeat(64)

/** Lets nothing through that the measurement does not name. */
export const strictSgxPolicy: SgxPolicy = {
  mrSigners: 'any',
  isvProdIds: 'any',
  minIsvSvn: 0,
  configIds: [noConfiguration],
  allowProvisionKey: false,
}

/** Everything that `policy` has against an enclave. */
export function judgeSgxClaims(
  claims: SgxClaims,
  policy: Policy,
  now: UnixSeconds,
): IntelJudgement {
  const tcb = judgeIntelTcb(claims, policy, now)
  return {
    reasons: [
      ...tcb.chainOnly,
      ...judgeCommonClaims(claims, policy, 'no lists exist'), // Intel's lists are in its collateral.
      ...tcb.reasons,
      ...judgeEnclave(claims, policy.sgx),
    ],
    graceUntil: tcb.graceUntil,
  }
}

function judgeEnclave(claims: SgxClaims, policy: SgxPolicy): readonly Reason[] {
  const { attributes } = claims
  const products = policy.isvProdIds === 'any' ? 'any' : policy.isvProdIds.map(String)
  return [
    ...unlessListed('MRSIGNER', 'who signed the enclave', claims.mrSigner, policy.mrSigners),
    ...unlessListed(
      'ISV_PROD_ID',
      "which product of its signer's",
      String(claims.isvProdId),
      products,
    ),
    ...unlessReached('ISV_SVN', 'security version of the enclave', claims.isvSvn, policy.minIsvSvn),
    ...unlessListed(
      'CONFIG_ID',
      'configuration that it was started with',
      claims.configId,
      policy.configIds,
    ),
    ...whereSet(
      'PROVISION_KEY',
      'it can derive keys that name its machine for ever',
      attributes.provisionKey,
      policy.allowProvisionKey,
    ),
    ...unless(
      attributes.reserved === '0',
      'RESERVED_ATTRIBUTES',
      'attribute bits without a name',
      attributes.reserved,
      '0',
    ),
  ]
}
