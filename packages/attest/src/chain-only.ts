import type { Appraisal, Given } from './appraisal.ts'
import { appraise } from './appraise.ts'
import type { Collateral } from './collateral.ts'
import type { Evidence, Tee } from './evidence.ts'

/** Kinds of evidence whose chain or key does not stand in the evidence itself. */
const chainBeside: ReadonlySet<Tee> = new Set(['sev-snp', 'arm-cca', 'arm-psa', 'tpm2'])

/**
 * Looks at signatures alone: what the evidence carries, and the chain or device's key that it is signed by, which SNP
 * reports and Arm tokens have beside them. No list and no document about the TCB is looked at.
 *
 * The answer is `chain-only` at best, so it is never accepted.
 */
export async function appraiseChainOnly(
  evidence: Evidence,
  given: Given & { readonly collateral: Collateral },
): Promise<Appraisal> {
  if (!chainBeside.has(evidence.tee))
    return await appraise(evidence, { ...given, collateral: 'none' })
  const { amd, deviceKeys } = given.collateral
  const appraisal = await appraise<Evidence>(evidence, {
    ...given,
    collateral: {
      ...(amd && { amd: { certificateChain: amd.certificateChain } }),
      ...(deviceKeys && { deviceKeys }),
    },
  })
  if (appraisal.authentic !== true) return appraisal
  const reason = {
    code: 'CHAIN_ONLY',
    detail: 'without collateral nothing is known about revocation and TCB',
    actual: 'no collateral',
    expected: 'collateral',
  } as const
  return { ...appraisal, authentic: 'chain-only', reasons: [reason, ...appraisal.reasons] }
}
