import { encodeHex } from '@cloister/codec'
import { digest } from '#crypto'
import { refusalAsAnswer, type Appraisal, type Given } from '../appraisal.ts'
import { judgeArmClaims } from '../arm/policy.ts'
import { findTokenSigner } from '../arm/signed-token.ts'
import { withoutEnd } from '../arm/token.ts'
import { isSign1By } from '../cose/message.ts'
import type { CcaEvidence } from '../evidence.ts'
import { malformedAs, refuseUnless } from '../reject.ts'
import { readCcaClaims, type CcaClaims } from './claims.ts'
import { parseCcaToken } from './parse.ts'

/**
 * Appraises a CCA token with the device keys (CPAKs) of the collateral. Pure: no network, no clock.
 *
 * The platform's key vouches for the platform and, by a hash in the challenge, for the realm's key, which vouches for
 * the realm. A token has no time in it: how fresh it is, the realm's challenge says, and nothing else.
 * Spec: draft-ffm-rats-cca-token; Arm DEN0137 (RMM) A7.2.
 */
export function appraiseCca(evidence: CcaEvidence, given: Given): Promise<Appraisal<CcaClaims>> {
  return refusalAsAnswer(given, async () => {
    const token = malformedAs('PARSE', () => parseCcaToken(evidence.token))
    const { platform, realm } = token
    const signer = await findTokenSigner(
      evidence.tee,
      platform.message,
      'platform token',
      platform.instanceId,
      given,
    )
    refuseUnless(
      await isSign1By(realm.message, realm.key.numbers),
      'REPORT_SIGNATURE',
      'realm token: not signed by the key that it names',
    )
    const bound = encodeHex(await digest(realm.keyHash, realm.key.encoded))
    refuseUnless(
      encodeHex(platform.challenge) === bound,
      'REALM_PLATFORM_BINDING',
      () => `platform challenge: got ${encodeHex(platform.challenge)}, expected ${bound}`,
    )
    const claims = await readCcaClaims(token, signer)
    const reasons = judgeArmClaims(claims, claims.platform, given.policy)
    return { authentic: true, claims, until: withoutEnd, reasons }
  })
}
