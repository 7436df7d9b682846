import type { Appraisal, Given } from '../appraisal.ts'
import type { DcapMemory } from '../dcap/collateral.ts'
import type { TpmEvidence } from '../evidence.ts'
import type { CertificateMemory } from '../x509/chain.ts'
import type { TpmClaims } from './claims.ts'

/** To be written. */
export async function appraiseTpm(
  _evidence: TpmEvidence,
  _given: Given,
  _memory: { readonly certificates: CertificateMemory; readonly dcap: DcapMemory },
): Promise<Appraisal<TpmClaims>> {
  return { authentic: false, reject: 'UNSUPPORTED_FORMAT', where: 'not judged here' }
}
