import { appraise, type CcaClaims, type PsaClaims } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import { readArmSample, type ArmSample } from './arm-evidence.ts'
import { anyPolicy, hasEvidence, samplesIn } from './evidence.ts'

/** Every real token of Arm's, with whichever crypto the caller has chosen. */
export function testArmCorpus(crypto: string): void {
  const here = hasEvidence(5 + 4 + 1)
  const cca = samplesIn('arm-cca', 5).map((name) => `arm-cca/${name}`)
  const psa = samplesIn('arm-psa', 4).map((name) => `arm-psa/${name}`)

  describe(`real Arm evidence, ${crypto}`, () => {
    test.skipIf(!here)('there are 5 CCA tokens and 4 PSA tokens', () => {
      expect([cca.length, psa.length]).toEqual([5, 4])
    })

    test.skipIf(!here).for(cca)('%s comes out as it should', async (name) => {
      const sample = readArmSample(name)
      const { token, expected, fields } = sample
      const appraisal = await appraise({ tee: 'arm-cca', token }, givenOf(sample))
      expect(appraisal.authentic).toBe(expected.authentic)
      if (appraisal.authentic === false) {
        expect(appraisal.reject).toBe(expected.reject)
        return
      }
      const { claims } = appraisal
      expect(ccaFields(claims)).toEqual(fields)
      expect(claims.debug).toBe(!expected['lifecycleSecured'])
      expect(claims.platform.lifecycle.value).toBe(Number(expected.lifecycle))
      // None of the published test keys is named by its token's instance id.
      expect(appraisal.reasons.map(({ code }) => code)).toEqual(['ENDORSEMENT', 'INSTANCE_ID'])
    })

    test.skipIf(!here).for(psa)('%s comes out as it should', async (name) => {
      const sample = readArmSample(name)
      const { token, expected, fields } = sample
      const appraisal = await appraise({ tee: 'arm-psa', token }, givenOf(sample))
      expect(appraisal.authentic).toBe(expected.authentic)
      if (appraisal.authentic === false) {
        expect(appraisal.reject).toBe(expected.reject)
        return
      }
      const { claims } = appraisal
      expect(psaFields(claims)).toEqual(fields)
      expect(claims.instanceIdOfKey).toBe(expected['instanceIdIs01Sha256OfIak'])
      expect(claims.lifecycle.value).toBe(Number(expected.lifecycle))
      const codes = claims.instanceIdOfKey ? [] : ['INSTANCE_ID']
      expect(appraisal.reasons.map(({ code }) => code)).toEqual(['ENDORSEMENT', ...codes])
    })
  })
}

function givenOf({ collateral }: ArmSample) {
  return { collateral, anchors: [], policy: anyPolicy(), now: unixSeconds(1_790_000_000) }
}

const algorithmIds = { ES256: -7, ES384: -35, ES512: -36 }

/** The claims under the names of `expected.json`. */
function ccaFields({ platform, realm, reportData }: CcaClaims) {
  return {
    platformAlg: algorithmIds[platform.algorithm],
    realmAlg: algorithmIds[realm.algorithm],
    platform: {
      profile: platform.profile,
      challenge: platform.challenge,
      implementationId: platform.implementationId,
      instanceId: platform.instanceId,
      config: platform.config,
      lifecycle: platform.lifecycle.value,
      hashAlgo: platform.hashAlgorithm,
      verificationService: platform.verificationService ?? null,
      swComponents: platform.softwareComponents.map(byNumber),
    },
    realm: {
      profile: realm.profile ?? null,
      challenge: reportData,
      personalisation: realm.personalisation,
      initialMeasurement: realm.initialMeasurement,
      extensibleMeasurements: realm.extensibleMeasurements,
      hashAlgo: realm.hashAlgorithm,
      publicKeyHashAlgo: realm.publicKeyHashAlgorithm,
      publicKeyEncoding: realm.publicKeyEncoding,
    },
  }
}

function psaFields(claims: PsaClaims) {
  return {
    alg: algorithmIds[claims.algorithm],
    profile: claims.profile,
    clientId: claims.clientId,
    nonce: claims.reportData,
    implementationId: claims.implementationId,
    bootSeed: claims.bootSeed ?? null,
    instanceId: claims.instanceId,
    certificationReference: claims.certificationReference ?? null,
    verificationService: claims.verificationService ?? null,
    swComponents: claims.softwareComponents.map(byNumber),
  }
}

/** A component under the numbers that a token has. */
function byNumber(component: CcaClaims['platform']['softwareComponents'][number]) {
  const { type, measurement, version, signerId, description } = component
  return {
    ...(type !== undefined && { 1: type }),
    2: measurement,
    ...(version !== undefined && { 4: version }),
    5: signerId,
    ...(description !== undefined && { 6: description }),
  }
}
