import type { Appraisal, Given } from '../appraisal.ts'
import type { NvidiaEvidence } from '../evidence.ts'
import type { CertificateMemory } from '../x509/chain.ts'
import type { NvidiaClaims } from './claims.ts'

/** To be written. */
export async function appraiseNvidia(
  _evidence: NvidiaEvidence,
  _given: Given,
  _memory: CertificateMemory,
): Promise<Appraisal<NvidiaClaims>> {
  return { authentic: false, reject: 'UNSUPPORTED_FORMAT', where: 'not judged here' }
}
