import type { Appraisal, Given } from '../appraisal.ts'
import type { SnpEvidence } from '../evidence.ts'
import type { CertificateMemory } from '../x509/chain.ts'
import type { SnpClaims } from './claims.ts'

/** To be written. */
export async function appraiseSnp(
  _evidence: SnpEvidence,
  _given: Given,
  _memory: CertificateMemory,
): Promise<Appraisal<SnpClaims>> {
  return { authentic: false, reject: 'UNSUPPORTED_FORMAT', where: 'not judged here' }
}
