import { adviseReason, adviseReject } from './advice.ts'
import { isAccepted, type Appraisal } from './appraisal.ts'
import { sayTime } from './say-time.ts'

/** The end of certificates that have none: 9999-12-31. Spec: RFC 5280 section 4.1.2.5. */
const endless = 253_402_300_799

/** An appraisal in words: a line for the verdict, and for each reason what it is and what to do. */
export function describeAppraisal(appraisal: Appraisal): string {
  if (appraisal.authentic === false)
    return `Not authentic: ${appraisal.reject} (${appraisal.where}); ${adviseReject(appraisal.reject)}`
  const { tee, tcbStatus, productLine } = appraisal.claims
  const status = tcbStatus === undefined ? '' : `, TCB ${tcbStatus}`
  const end = appraisal.until >= endless ? '' : `, valid until ${sayTime(appraisal.until)}`
  return [
    `${verdict(appraisal)}: ${tee} of ${productLine}${status}${end}`,
    ...appraisal.reasons.map(
      ({ code, detail, actual, expected }) =>
        `- ${code}: ${detail}; got ${actual}, expected ${expected}; ${adviseReason(code)}`,
    ),
  ].join('\n')
}

function verdict(appraisal: Appraisal): string {
  if (isAccepted(appraisal)) return 'Accepted'
  return appraisal.authentic === true
    ? 'Authentic, but refused by the policy'
    : 'Signatures hold, nothing more is known'
}
