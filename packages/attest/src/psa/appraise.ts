import type { Appraisal, Given } from '../appraisal.ts'
import type { PsaEvidence } from '../evidence.ts'
import type { PsaClaims } from './claims.ts'

/** To be written. */
export async function appraisePsa(
  _evidence: PsaEvidence,
  _given: Given,
): Promise<Appraisal<PsaClaims>> {
  return { authentic: false, reject: 'UNSUPPORTED_FORMAT', where: 'not judged here' }
}
