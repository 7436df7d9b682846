import { adviseReason, adviseReject } from './advice.ts'
import { isAccepted, type Appraisal } from './appraisal.ts'

/** An appraisal in words: a line for the verdict, and for each reason what it is and what to do. */
export function describeAppraisal(appraisal: Appraisal): string {
  if (appraisal.authentic === false)
    return `Not authentic: ${appraisal.reject} (${appraisal.where}); ${adviseReject(appraisal.reject)}`
  const status = appraisal.claims.tcbStatus ?? `of ${appraisal.claims.productLine}`
  const until = new Date(appraisal.until * 1000).toISOString()
  return [
    `${verdict(appraisal)}: TCB ${status}, valid until ${until}`,
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
