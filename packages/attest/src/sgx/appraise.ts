import { refusalAsAnswer, type Appraisal, type Given } from '../appraisal.ts'
import { authenticateQuote, findPckChain } from '../dcap/authenticate.ts'
import { readTcbClaims } from '../dcap/claims.ts'
import { DcapMemory, type Technology } from '../dcap/collateral.ts'
import { parseSgxTcbInfo, type SgxTcbInfo } from '../dcap/tcb-info.ts'
import type { SgxEvidence } from '../evidence.ts'
import { malformedAs } from '../reject.ts'
import { earliest } from '../x509/chain.ts'
import { readSgxClaims, type SgxClaims } from './claims.ts'
import { parseSgxQuote } from './parse.ts'
import { judgeSgxClaims } from './policy.ts'
import { judgeSgxTcb } from './tcb.ts'

const sgx: Technology<SgxTcbInfo> = {
  qeIdentityId: 'QE',
  parseTcbInfo: parseSgxTcbInfo,
  tcbInfos: (memory) => memory.sgxTcbInfos,
}

/**
 * Appraises an SGX quote. Pure: no network, no clock, and nothing in `memory` changes the answer.
 *
 * Checks are made in the order of `rejectCodes`, and the first that fails is the answer. A quote that only names its
 * platform (certification types 1 to 3) is at best `chain-only` without its PCK chain, with a reason of its own.
 */
export function appraiseSgx(
  evidence: SgxEvidence,
  given: Given,
  memory: DcapMemory = new DcapMemory(),
): Promise<Appraisal<SgxClaims>> {
  return refusalAsAnswer(given, () => appraiseOrRefuse(evidence, given, memory))
}

async function appraiseOrRefuse(
  evidence: SgxEvidence,
  given: Given,
  memory: DcapMemory,
): Promise<Appraisal<SgxClaims>> {
  const { policy, now } = given
  const quote = malformedAs('PARSE', () => parseSgxQuote(evidence.quote))
  const pck = findPckChain(quote, given, memory)
  const vouched = await authenticateQuote(quote, pck, given, sgx, memory)
  const claims = await readSgxClaims(quote, pck, vouched)
  if (pck === undefined || vouched.collateral === undefined) {
    const { reasons } = judgeSgxClaims(claims, policy, now)
    return { authentic: 'chain-only', claims, until: vouched.until, reasons }
  }
  const tcb = judgeSgxTcb(pck.platform, vouched.collateral.tcbInfo, vouched.qeLevel)
  const full = { ...claims, ...readTcbClaims(tcb, vouched.collateral) }
  const { reasons, graceUntil } = judgeSgxClaims(full, policy, now)
  const ends = [vouched.until, vouched.collateral.until, graceUntil ?? vouched.until]
  return { authentic: true, claims: full, until: earliest(ends), reasons }
}
