import type { Appraisal, Given } from '../appraisal.ts'
import type { SgxEvidence } from '../evidence.ts'
import type { DcapMemory } from '../dcap/collateral.ts'
import type { SgxClaims } from './claims.ts'

/** To be written. */
export async function appraiseSgx(
  _evidence: SgxEvidence,
  _given: Given,
  _memory: DcapMemory,
): Promise<Appraisal<SgxClaims>> {
  return { authentic: false, reject: 'UNSUPPORTED_FORMAT', where: 'not judged here' }
}
