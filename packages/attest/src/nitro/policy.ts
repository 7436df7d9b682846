import type { UnixSeconds } from '@cloister/codec'
import { judgeCommonClaims } from '../judge-claims.ts'
import type { Policy } from '../policy.ts'
import { unless, unlessListed, type Reason } from '../reasons.ts'
import type { NitroClaims } from './claims.ts'

/** What a policy can ask of a Nitro enclave besides what it asks of all. */
export type NitroPolicy = {
  /**
   * Accepted values by index, for PCRs that the measurement does not cover: 3 (role), 4 (instance), 8 (signer of the
   * image) and those that an enclave extends itself. What is named here has to be reported.
   */
  readonly pcrs: Readonly<Record<string, readonly string[]>>
  /** Accepted nonces, where a protocol puts its challenge there and not into the user data. */
  readonly nonces: readonly string[] | 'any'
  /** Accepted public keys, as the enclave gave them. */
  readonly publicKeys: readonly string[] | 'any'
  /** How many seconds may have passed since the hypervisor signed. */
  readonly maxAgeSeconds: number
}

/**
 * The user data is compared with the policy's report data; which nonce or key belongs to it, only a protocol knows.
 * The signer's certificate lives three hours, so that four are no limit of their own.
 */
export const strictNitroPolicy: NitroPolicy = {
  pcrs: {},
  nonces: 'any',
  publicKeys: 'any',
  maxAgeSeconds: 4 * 3600,
}

/** How far the hypervisor's clock may be ahead of ours. */
const skewSeconds = 60

/** Everything that `policy` has against an enclave. */
export function judgeNitroClaims(
  claims: NitroClaims,
  policy: Policy,
  now: UnixSeconds,
): readonly Reason[] {
  const { pcrs, nonces, publicKeys, maxAgeSeconds } = policy.nitro
  const age = now - claims.timestampMilliseconds / 1000
  return [
    ...judgeCommonClaims(claims, policy, 'no lists exist'),
    ...Object.entries(pcrs).flatMap(([index, accepted]) => judgePcr(claims, index, accepted)),
    ...unlessListed('REPORT_DATA', 'nonce of the document', claims.nonce, nonces),
    ...unlessListed('REPORT_DATA', 'public key of the document', claims.publicKey, publicKeys),
    ...unless(
      age <= maxAgeSeconds && age >= -skewSeconds,
      'DOCUMENT_AGE',
      'seconds since the hypervisor signed',
      String(Math.floor(age)),
      `${-skewSeconds} to ${maxAgeSeconds}`,
    ),
  ]
}

function judgePcr(
  claims: NitroClaims,
  index: string,
  accepted: readonly string[],
): readonly Reason[] {
  const value = Object.hasOwn(claims.pcrs, index) ? claims.pcrs[index] : undefined
  // A policy from a file may hold anything here: what is no list accepts nothing.
  const values = Array.isArray(accepted) ? accepted : []
  return value === undefined
    ? unless(false, 'PCR_MISSING', `PCR${index}`, 'not reported', values.join(', '))
    : unlessListed('MEASUREMENT', `PCR${index}`, value, values)
}
