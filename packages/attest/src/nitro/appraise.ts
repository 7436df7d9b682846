import type { Appraisal, Given } from '../appraisal.ts'
import type { NitroEvidence } from '../evidence.ts'
import type { CertificateMemory } from '../x509/chain.ts'
import type { NitroClaims } from './claims.ts'

/** To be written. */
export async function appraiseNitro(
  _evidence: NitroEvidence,
  _given: Given,
  _memory: CertificateMemory,
): Promise<Appraisal<NitroClaims>> {
  return { authentic: false, reject: 'UNSUPPORTED_FORMAT', where: 'not judged here' }
}
