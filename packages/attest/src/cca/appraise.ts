import type { Appraisal, Given } from '../appraisal.ts'
import type { CcaEvidence } from '../evidence.ts'
import type { CcaClaims } from './claims.ts'

/** To be written. */
export async function appraiseCca(
  _evidence: CcaEvidence,
  _given: Given,
): Promise<Appraisal<CcaClaims>> {
  return { authentic: false, reject: 'UNSUPPORTED_FORMAT', where: 'not judged here' }
}
