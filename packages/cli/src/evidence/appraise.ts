import {
  adviseReason,
  adviseReject,
  appraisalDigest,
  describeAppraisal,
  isAccepted,
  type Recovery,
} from '@cloister/attest'
import { encodeHex } from '@cloister/codec'

import type { Answer } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Judged } from './judge.ts'
import { sayRecovery } from './recovery.ts'

/** What `cloister evidence appraise` says about evidence. */
export async function appraiseAnswer(judged: Judged): Promise<Answer> {
  const { appraisal } = judged
  const accepted = isAccepted(appraisal)
  return {
    schema: 'cloister.evidence.appraise/2',
    value: await valueOf(judged),
    text: describeAppraisal(appraisal),
    exit: accepted ? exitCodes.ok : exitCodes.refused,
  }
}

/** What `cloister evidence explain` says: the same, and for each thing against it what would have to change. */
export async function explainAnswer(judged: Judged, recovery?: Recovery): Promise<Answer> {
  const { appraisal } = judged
  const advice =
    appraisal.authentic === false
      ? [{ code: appraisal.reject, advice: adviseReject(appraisal.reject) }]
      : appraisal.reasons.map(({ code }) => ({ code, advice: adviseReason(code) }))
  return {
    schema: 'cloister.evidence.explain/1',
    value: { ...(await valueOf(judged)), advice, ...(recovery && { recovery }) },
    text: [explanation(judged), ...(recovery ? sayRecovery(recovery) : [])].join('\n'),
    exit: isAccepted(appraisal) ? exitCodes.ok : exitCodes.refused,
  }
}

const unavailable = 'PCK_CERT_UNAVAILABLE'

async function valueOf({ evidence, format, given, appraisal }: Judged) {
  const common = {
    tee: evidence?.tee ?? null,
    format,
    accepted: isAccepted(appraisal),
    at: given.now,
    appraisalDigest: encodeHex(await appraisalDigest(appraisal)),
  }
  if (appraisal.authentic === false)
    return {
      ...common,
      authentic: false,
      reject: appraisal.reject,
      where: appraisal.where,
      field: appraisal.at?.field ?? null,
      offset: appraisal.at?.offset ?? null,
      tcbStatus: null,
      debug: null,
      reasons: [],
      revocation: appraisal.reject === 'CERT_REVOKED' ? 'revoked' : 'not-checked',
      endorsement: null,
      claims: null,
      until: null,
    }
  const { claims, authentic, reasons, until } = appraisal
  return {
    ...common,
    tee: claims.tee,
    format: claims.format,
    authentic,
    // Without a chain nothing says whose quote this is, though the rest of it holds.
    reject: reasons.some(({ code }) => code === unavailable) ? unavailable : null,
    where: null,
    tcbStatus: claims.tcbStatus ?? null,
    debug: claims.debug,
    reasons,
    revocation: claims.revocation,
    endorsement: claims.endorsement,
    claims,
    until,
  }
}

function explanation({ evidence, appraisal }: Judged): string {
  const what =
    evidence === undefined
      ? 'This is no evidence that is known here.'
      : `This is ${evidence.tee} evidence.`
  if (isAccepted(appraisal)) return `${what} Nothing has to change: it is accepted.`
  if (appraisal.authentic === false)
    return [
      what,
      `It is not authentic: ${appraisal.reject}`,
      `  found: ${appraisal.where}`,
      `  to pass: ${adviseReject(appraisal.reject)}`,
      'Checks are made in a fixed order (docs/attestation.md): what comes after this one was not looked at.',
    ].join('\n')
  return [
    what,
    appraisal.authentic === true
      ? 'It is authentic. The policy refuses it; for it to pass, all of these have to change:'
      : 'Its own signatures hold. For it to be accepted, all of these have to change:',
    ...appraisal.reasons.flatMap(({ code, detail, actual, expected }) => [
      `- ${code}: ${detail}`,
      `  found: ${actual}`,
      `  wanted: ${expected}`,
      `  to pass: ${adviseReason(code)}`,
    ]),
  ].join('\n')
}
