import { earliest } from '../x509/chain.ts'
import { refusalAsAnswer, type Appraisal, type Given } from '../appraisal.ts'
import { authenticateQuote, findPckChain } from '../dcap/authenticate.ts'
import { DcapMemory, type Technology } from '../dcap/collateral.ts'
import { parseTdxTcbInfo, type TdxTcbInfo } from '../dcap/tcb-info.ts'
import type { TdxEvidence } from '../evidence.ts'
import { malformedAs } from '../reject.ts'
import { addTcbClaims, readTdxClaims, type TdxClaims } from './claims.ts'
import { judgeTdxClaims } from './policy.ts'
import { parseTdxQuote } from './parse.ts'
import { judgeTdxTcb } from './tcb.ts'

const tdx: Technology<TdxTcbInfo> = {
  qeIdentityId: 'TD_QE',
  parseTcbInfo: parseTdxTcbInfo,
  tcbInfos: (memory) => memory.tdxTcbInfos,
}

/**
 * Appraises a TDX quote. Pure: no network, no clock, and nothing in `memory` changes the answer.
 *
 * Checks are made in the order of `rejectCodes`, and the first that fails is the answer. A quote that only names its
 * platform (certification types 1 to 3) is at best `chain-only` without its PCK chain, with a reason of its own.
 */
export function appraiseTdx(
  evidence: TdxEvidence,
  given: Given,
  memory: DcapMemory = new DcapMemory(),
): Promise<Appraisal<TdxClaims>> {
  return refusalAsAnswer(given, () => appraiseOrRefuse(evidence, given, memory))
}

async function appraiseOrRefuse(
  evidence: TdxEvidence,
  given: Given,
  memory: DcapMemory,
): Promise<Appraisal<TdxClaims>> {
  const { policy, now } = given
  const quote = malformedAs('PARSE', () => parseTdxQuote(evidence.quote))
  const pck = findPckChain(quote, given, memory)
  const vouched = await authenticateQuote(quote, pck, given, tdx, memory)
  const claims = await readTdxClaims(quote, pck, vouched)
  if (pck === undefined || vouched.collateral === undefined) {
    const { reasons } = judgeTdxClaims(claims, policy, now)
    return { authentic: 'chain-only', claims, until: vouched.until, reasons }
  }
  const { tcbInfo } = vouched.collateral
  const tcb = judgeTdxTcb(quote.report, pck.platform, tcbInfo, vouched.qeLevel)
  const full = addTcbClaims(claims, tcb, vouched.collateral)
  const { reasons, graceUntil } = judgeTdxClaims(full, policy, now)
  const ends = [vouched.until, vouched.collateral.until, graceUntil ?? vouched.until]
  return { authentic: true, claims: full, until: earliest(ends), reasons }
}
