import type { Bytes } from '@cloister/codec'
import { ecdsaSha384 } from '#crypto'
import { refusalAsAnswer, type Appraisal, type Given } from '../appraisal.ts'
import { collateralCharacters, collateralCharactersMax, type AmdCollateral } from '../collateral.ts'
import type { SnpEvidence } from '../evidence.ts'
import { malformedAs, Refusal, refuseUnless } from '../reject.ts'
import { CertificateMemory, earliest } from '../x509/chain.ts'
import { verifySnpChain } from './chain.ts'
import { readSnpClaims, type SnpClaims } from './claims.ts'
import { matchEndorsement } from './endorsement.ts'
import { parseSnpReport } from './parse.ts'
import { judgeSnpClaims } from './policy.ts'
import { verifyRevocation } from './revocation.ts'

/**
 * Appraises an SNP report. Pure: no network, no clock, and nothing in `memory` changes the answer.
 *
 * Checks are made in the order of `rejectCodes`, and the first that fails is the answer. A report carries no
 * certificate: without collateral nothing about it can be known, so there is no `chain-only`.
 */
export function appraiseSnp(
  evidence: SnpEvidence,
  given: Given,
  memory: CertificateMemory = new CertificateMemory(),
): Promise<Appraisal<SnpClaims>> {
  return refusalAsAnswer(given, () => appraiseOrRefuse(evidence.report, given, memory))
}

async function appraiseOrRefuse(
  bytes: Bytes,
  given: Given,
  memory: CertificateMemory,
): Promise<Appraisal<SnpClaims>> {
  const report = malformedAs('PARSE', () => parseSnpReport(bytes))
  const collateral = readCollateral(given)
  const chain = await verifySnpChain(collateral.certificateChain, given, memory)
  const endorsement = matchEndorsement(report, chain)
  const listUntil =
    collateral.crl === undefined
      ? undefined
      : await verifyRevocation(collateral.crl, chain, given.now, memory)

  refuseUnless(report.signingKey !== 'none', 'REPORT_SIGNATURE', 'the report says that it has none')
  // Spec: 56860, field SIGNATURE.
  refuseUnless(
    await chain.leaf.key.verify(ecdsaSha384, report.signed, report.signature),
    'REPORT_SIGNATURE',
    () => `not signed by the ${chain.kind}`,
  )

  const revocation = listUntil === undefined ? 'not-checked' : 'good'
  const claims = await readSnpClaims(report, chain, endorsement, revocation)
  const reasons = judgeSnpClaims(claims, given.policy)
  return {
    authentic: true,
    claims,
    until: earliest([chain.until, listUntil ?? chain.until]),
    reasons,
  }
}

function readCollateral({ collateral }: Given): AmdCollateral {
  if (collateral === 'none' || collateral.amd === undefined)
    throw new Refusal('COLLATERAL_MISSING', "AMD's certificates: a report carries none")
  refuseUnless(
    collateralCharacters(collateral) <= collateralCharactersMax,
    'PARSE',
    `collateral: more than ${collateralCharactersMax} characters`,
  )
  return collateral.amd
}
