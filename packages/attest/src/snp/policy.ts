import { judgeCommonClaims } from '../judge-claims.ts'
import type { Policy } from '../policy.ts'
import { listed, unless, unlessListed, whereSet, type Reason } from '../reasons.ts'
import type { SnpClaims } from './claims.ts'
import { productLines, type ProductLine } from './product.ts'
import { describeTcb, tcbReaches, type SnpTcb } from './tcb.ts'

/** What a policy demands of an SNP guest and its machine, and what it lets through. */
export type SnpPolicy = {
  /** Product lines that are accepted at all. What the whole policy denies is refused besides. */
  readonly allowedProducts: readonly ProductLine[]
  /** The least security version of each component of the reported TCB, by product line. */
  readonly minTcb: Readonly<Record<ProductLine, SnpTcb>>
  /** Reports by a VLEK: a cloud provider holds that key, and no chip is named. */
  readonly allowVlek: boolean
  /** The greatest VMPL that may have asked for the report: 0 is the guest's most privileged level. */
  readonly vmplMax: 0 | 1 | 2 | 3
  /** A guest that may have, or has, a migration agent: that one can move it to another machine. */
  readonly allowMigrationAgent: boolean
  /** A guest that may run beside another thread of its core. */
  readonly allowSmt: boolean
  /** Refuse machines that have not checked their memory for aliases (BadRAM, AMD-SB-3015). */
  readonly requireAliasCheck: boolean
  /** The least version of the firmware's interface that the guest's own policy has to demand. */
  readonly minPolicyAbi: { readonly major: number; readonly minor: number }
  /** Accepted digests of the key that signed the identity block, 48 bytes each. */
  readonly idKeyDigests: readonly string[] | 'any'
  /** Accepted digests of the key that signed that key, 48 bytes each. */
  readonly authorKeyDigests: readonly string[] | 'any'
}

/**
 * Lets nothing through that can be known to be unsafe without knowing the guest.
 *
 * Least TCB: SNP firmware with EntrySign fixed (AMD-SB-3019) on Milan and Genoa, and with the initialisation of the RMP
 * fixed (AMD-SB-3020) on Turin. Microcode versions differ between processors of one line, so none is set here.
 * Threads of a core: allowed, since public clouds start all guests so; who must not share a core can ask for more.
 * Identity blocks are a choice of who deploys, as measurements are: `any`.
 */
export const strictSnpPolicy: SnpPolicy = {
  allowedProducts: productLines,
  minTcb: {
    Milan: { bootLoader: 0, tee: 0, snp: 0x18, microcode: 0 },
    Genoa: { bootLoader: 0, tee: 0, snp: 0x17, microcode: 0 },
    Turin: { fmc: 0, bootLoader: 0, tee: 0, snp: 0x04, microcode: 0 },
  },
  allowVlek: false,
  vmplMax: 0,
  allowMigrationAgent: false,
  allowSmt: true,
  requireAliasCheck: true,
  minPolicyAbi: { major: 0, minor: 0 },
  idKeyDigests: 'any',
  authorKeyDigests: 'any',
}

/** Everything that `policy` has against an SNP guest. */
export function judgeSnpClaims(claims: SnpClaims, policy: Policy): readonly Reason[] {
  const { snp } = policy
  return [
    ...judgeCommonClaims(claims, policy, 'lists exist'),
    ...unless(
      snp.allowedProducts.includes(claims.productLine),
      'PRODUCT_LINE',
      'which product line',
      claims.productLine,
      listed(snp.allowedProducts),
    ),
    ...judgeTcb(claims, snp),
    ...whereSet('VLEK', 'a VLEK signed it', claims.signingKey === 'VLEK', snp.allowVlek),
    ...unless(
      claims.vmpl <= snp.vmplMax,
      'VMPL',
      'which privilege level asked for the report',
      String(claims.vmpl),
      `at most ${snp.vmplMax}`,
    ),
    ...judgeGuestPolicy(claims, snp),
    ...unless(
      claims.platformInfo.aliasCheckComplete || !snp.requireAliasCheck,
      'ALIAS_CHECK',
      'whether the machine has checked its memory for aliases',
      'not checked',
      'checked',
    ),
    ...unlessListed(
      'ID_KEY',
      'the key that signed the identity block',
      claims.idKeyDigest,
      snp.idKeyDigests,
    ),
    ...unlessListed(
      'ID_KEY',
      'the author key that signed the key of the identity block',
      claims.authorKeyEn ? claims.authorKeyDigest : undefined,
      snp.authorKeyDigests,
    ),
  ]
}

/** Spec: 56860 section 2.2: the reported TCB is at most the committed one, and that at most the current one. */
function judgeTcb(claims: SnpClaims, policy: SnpPolicy): readonly Reason[] {
  const { reportedTcb, committedTcb, currentTcb } = claims
  const least = policy.minTcb[claims.productLine]
  return [
    ...unless(
      tcbReaches(reportedTcb, least),
      'MIN_TCB',
      'security versions of the reported TCB',
      describeTcb(reportedTcb),
      `at least ${describeTcb(least)}`,
    ),
    ...unless(
      tcbReaches(committedTcb, reportedTcb),
      'TCB_ORDER',
      'the reported TCB is newer than what the firmware is committed to',
      describeTcb(reportedTcb),
      `at most ${describeTcb(committedTcb)}`,
    ),
    ...unless(
      tcbReaches(currentTcb, committedTcb),
      'TCB_ORDER',
      'the firmware that runs is older than what it is committed to',
      describeTcb(currentTcb),
      `at least ${describeTcb(committedTcb)}`,
    ),
  ]
}

function judgeGuestPolicy(claims: SnpClaims, policy: SnpPolicy): readonly Reason[] {
  const guest = claims.policy
  const { major, minor } = policy.minPolicyAbi
  return [
    ...whereSet(
      'MIGRATION_AGENT',
      'it may be, or is, associated with a migration agent',
      guest.migrateMa || hasMigrationAgent(claims.reportIdMa),
      policy.allowMigrationAgent,
    ),
    ...whereSet(
      'SMT',
      'it may run beside another thread of its core',
      guest.smtAllowed,
      policy.allowSmt,
    ),
    ...unless(
      guest.reserved === '0',
      'RESERVED_POLICY',
      'bits of the guest policy that are reserved',
      guest.reserved,
      '0',
    ),
    ...unless(
      guest.abiMajor > major || (guest.abiMajor === major && guest.abiMinor >= minor),
      'POLICY_ABI',
      'the firmware interface that the guest policy demands',
      `${guest.abiMajor}.${guest.abiMinor}`,
      `at least ${major}.${minor}`,
    ),
  ]
}

/** Ones or zeros throughout: there is none. Spec: 56860, field REPORT_ID_MA. */
function hasMigrationAgent(reportIdMa: string): boolean {
  return !/^(?:f+|0+)$/.test(reportIdMa)
}
