import { refusalAsAnswer, type Appraisal, type Given } from '../appraisal.ts'
import { judgeArmClaims } from '../arm/policy.ts'
import { findTokenSigner } from '../arm/signed-token.ts'
import { withoutEnd } from '../arm/token.ts'
import type { PsaEvidence } from '../evidence.ts'
import { malformedAs } from '../reject.ts'
import { readPsaClaims, type PsaClaims } from './claims.ts'
import { parsePsaToken } from './parse.ts'

/**
 * Appraises a PSA token with the device keys of the collateral. Pure: no network, no clock.
 *
 * A token has no time in it and its key no certificate: how fresh it is, its nonce says, and nothing else.
 * Spec: RFC 9783.
 */
export function appraisePsa(evidence: PsaEvidence, given: Given): Promise<Appraisal<PsaClaims>> {
  return refusalAsAnswer(given, async () => {
    const token = malformedAs('PARSE', () => parsePsaToken(evidence.token))
    const signer = await findTokenSigner(
      evidence.tee,
      token.message,
      'token',
      token.instanceId,
      given,
    )
    const claims = await readPsaClaims(token, signer)
    const reasons = judgeArmClaims(claims, claims, given.policy)
    return { authentic: true, claims, until: withoutEnd, reasons }
  })
}
