import { appraise, deviceKeyAnchor, productionAnchors, type TpmClaims } from '@cloister/attest'
import { encodeBase64Url, encodeHex, unixSeconds, type Bytes } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../src/crypto-web.ts'
import { parseAttestationKey } from '../src/tpm/attestation-key.ts'
import { authorityKeys } from '../src/tpm/authority-keys.ts'
import { encodePublicKeyInfo } from '../src/x509/public-key.ts'
import { anyPolicy, hasEvidence, samplesIn } from './evidence.ts'
import {
  authorityCertificates,
  readTpmSample,
  type ExpectedTpm,
  type TpmSample,
} from './tpm-samples.ts'

const policy = anyPolicy({ tpm: { hardwareMeasurements: 'any' } })

/** Every real TPM quote, with whichever crypto the caller has chosen. */
export function testTpmCorpus(crypto: string): void {
  const here = hasEvidence(4 * 15 + 3)
  const samples = samplesIn('tpm', 15)

  describe(`real TPM quotes, ${crypto}`, () => {
    test.skipIf(!here)('there are 15 samples', () => {
      expect(samples).toHaveLength(15)
    })

    test.skipIf(!here).for(samples)('%s is authentic and says what is expected', async (name) => {
      const sample = readTpmSample(name)
      const appraisal = await judge(sample)
      expect(appraisal.authentic, JSON.stringify(appraisal)).toBe(sample.expected.authentic)
      if (appraisal.authentic === false) return
      const { claims } = appraisal
      expect(fieldsOf(claims, sample.evidence.quote)).toEqual(sample.fields)
      expect(concluded(claims)).toMatchObject(expectedClaims(sample.expected))
      const codes = appraisal.reasons.map(({ code }) => code)
      expect(codes.includes('WEAK_HASH')).toBe(sample.expected.policy !== undefined)
      expect(codes.includes('PCR_MISSING')).toBe(sample.evidence.pcrs === undefined)
      expect(codes).not.toContain('EVENT_LOG')
      expect(codes).not.toContain('AK_ATTRIBUTES')
    })

    test.skipIf(!here).for(samples)(
      '%s is not authentic with one signed bit flipped',
      async (name) => {
        const sample = readTpmSample(name)
        const { quote } = sample.evidence
        for (let bit = 0; bit < quote.length * 8; bit += 13) {
          const forged = flipped(quote, bit)
          expect((await judge(withEvidence(sample, { quote: forged }))).authentic).toBe(false)
        }
      },
    )

    test.skipIf(!here).for(samples)('%s is refused with another PCR value or key', async (name) => {
      const sample = readTpmSample(name)
      const { pcrs } = sample.evidence
      const [bank = '', values = {}] = Object.entries(pcrs ?? {})[0] ?? []
      const [[, indices]] = sample.fields.pcrSelect
      for (const index of pcrs ? indices : []) {
        const changed = { ...values, [index]: flipped(values[index]!, 0) }
        const forged = withEvidence(sample, { pcrs: { [bank]: changed } })
        expect(await judge(forged)).toMatchObject({ authentic: false, reject: 'PCR_DIGEST' })
      }
      const other = readTpmSample(name === samples[0] ? samples[1]! : samples[0]!)
      const stranger = withEvidence(sample, { attestationKey: other.evidence.attestationKey! })
      expect(await judge(stranger)).toMatchObject({ authentic: false, reject: 'QUOTE_SIGNATURE' })
    })

    test.skipIf(!here)(
      'a certificate without those above it leads to a known authority',
      async () => {
        const sample = readTpmSample('gce-cos-85-nonce9009-sha256')
        const [leaf = '', above = ''] = sample.evidence.certificateChain!.split(/(?=-----BEGIN)/)
        for (const certificateChain of [leaf, leaf + above])
          expect(await judge(withEvidence(sample, { certificateChain }))).toMatchObject({
            claims: { endorsement: 'pinned', anchor: 'google-tpm-ek-root-1' },
          })
        const given = { collateral: {}, policy, now: sample.now }
        const evidence = { ...sample.evidence, certificateChain: leaf }
        expect(await appraise(evidence, { ...given, anchors: [] })).toMatchObject({
          claims: { endorsement: 'supplied' },
        })
        // A character of the signature, in base64.
        const at = leaf.indexOf('-----END') - 20
        const other = leaf[at] === 'A' ? 'B' : 'A'
        const forged = leaf.slice(0, at) + other + leaf.slice(at + 1)
        expect(await judge(withEvidence(sample, { certificateChain: forged }))).toMatchObject({
          reject: 'CHAIN_SIGNATURE',
        })
        const early = { ...sample, now: unixSeconds(Date.UTC(2021, 0, 1) / 1000) }
        expect(await judge(withEvidence(early, { certificateChain: leaf }))).toMatchObject({
          reject: 'CERT_EXPIRED_OR_NOT_YET_VALID',
        })
      },
    )

    test.skipIf(!here)('keys of known authorities are those of their certificates', () => {
      const known = authorityKeys.map(({ modulus }) => modulus)
      const found = authorityCertificates().map(({ numbers }) =>
        numbers.kind === 'rsa' ? encodeBase64Url(numbers.modulus) : '',
      )
      expect(found.toSorted()).toEqual(known.toSorted())
    })

    test.skipIf(!here).for(samples)('%s is accepted as pinned by its key alone', async (name) => {
      const { evidence, now, collateral } = readTpmSample(name)
      const { numbers } = parseAttestationKey(evidence.attestationKey!)
      const spkiSha256 = encodeHex(await sha256(encodePublicKeyInfo(numbers)))
      const { certificateChain: _, hcl: __, hardwareQuote: ___, ...bare } = evidence
      const given = { collateral, anchors: [deviceKeyAnchor(spkiSha256, 'tpm2')], policy, now }
      expect(await appraise(bare, given)).toMatchObject({
        claims: { endorsement: 'pinned', anchor: `device-key:tpm2:${spkiSha256}` },
      })
      expect(await appraise(bare, { ...given, anchors: [] })).toMatchObject({
        claims: { endorsement: 'supplied' },
        reasons: expect.arrayContaining([expect.objectContaining({ code: 'ENDORSEMENT' })]),
      })
    })
  })
}

function judge({ evidence, collateral, now }: TpmSample) {
  return appraise(evidence, { collateral, anchors: productionAnchors(), policy, now })
}

function withEvidence(sample: TpmSample, changed: Partial<TpmSample['evidence']>): TpmSample {
  return { ...sample, evidence: { ...sample.evidence, ...changed } }
}

function flipped(bytes: Bytes, bit: number): Bytes {
  const forged = bytes.slice()
  forged[bit >> 3]! ^= 1 << (bit & 7)
  return forged
}

/** The claims as `fields` of `expected.json` spells them. */
function fieldsOf(claims: TpmClaims, quote: Bytes) {
  return {
    magic: 'ff544347',
    type: 0x8018,
    qualifiedSigner: claims.qualifiedSigner,
    extraData: claims.reportData,
    clock: claims.clock,
    resetCount: claims.resetCount,
    restartCount: claims.restartCount,
    safe: claims.safe ? 1 : 0,
    firmwareVersion: claims.firmwareVersion,
    pcrSelect: claims.selection.map(({ bank, indices }) => [bank, indices]),
    pcrDigest: claims.pcrDigest,
    len: quote.length,
  }
}

const schemes: Readonly<Record<string, string>> = {
  '0x14': 'rsassa',
  '0x16': 'rsapss',
  '0x18': 'ecdsa',
}

function expectedClaims(expected: ExpectedTpm) {
  const { akAttributes, hclReportType, userData } = expected
  return {
    signature: { scheme: schemes[expected.sigAlg], hash: expected.hashAlg },
    hasValues: expected.pcrDigestMatches === true,
    // A TDREPORT's quote came without Intel's documents: its own chain holds, no more is known.
    hardware: { SNP: 'sev-snp', TDX: 'tdx', none: undefined }[hclReportType ?? 'none'],
    endorsement: hclReportType === 'SNP' || expected.akCertChain === true ? 'pinned' : 'supplied',
    ...(userData !== undefined && { userData: userData.toLowerCase() }),
    ...(akAttributes && {
      attributes: {
        raw: String(akAttributes['attrs']).slice(2).padStart(8, '0'),
        restricted: akAttributes['restricted'],
        fixedTpm: akAttributes['fixedTPM'],
        sign: akAttributes['sign'],
        decrypt: akAttributes['decrypt'],
      },
    }),
    ...(expected.akCertChain === true && { anchor: 'google-tpm-ek-root-1', matching: 10 }),
  }
}

function concluded(claims: TpmClaims) {
  return {
    signature: claims.signature,
    hasValues: claims.pcrs !== undefined,
    hardware: claims.hardware?.tee,
    endorsement: claims.endorsement,
    userData: claims.vm?.userData,
    attributes: claims.attestationKey.attributes,
    anchor: claims.anchor,
    matching: claims.boot?.matching.length,
  }
}
