import { adviseReason, adviseReject } from './advice.ts'
import { isAccepted, type Appraisal } from './appraisal.ts'

/** The end of certificates that have none: 9999-12-31. Spec: RFC 5280 section 4.1.2.5. */
const endless = 253_402_300_799

/** An appraisal in words: a line for the verdict, and for each reason what it is and what to do. */
export function describeAppraisal(appraisal: Appraisal): string {
  if (appraisal.authentic === false)
    return `Not authentic: ${appraisal.reject} (${appraisal.where}); ${adviseReject(appraisal.reject)}`
  const { tcbStatus, productLine } = appraisal.claims
  const status = tcbStatus === undefined ? '' : `, TCB ${tcbStatus}`
  const until = new Date(appraisal.until * 1000).toISOString()
  const end = appraisal.until >= endless ? '' : `, valid until ${until}`
  return [
    `${verdict(appraisal)}: ${productLine}${status}${end}`,
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
