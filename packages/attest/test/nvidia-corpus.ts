import {
  appraise,
  isAccepted,
  productionAnchor,
  type Anchor,
  type Given,
  type NvidiaClaims,
  type RimClaim,
} from '@cloister/attest'
import { describe, expect, test } from 'vitest'
import { anyPolicy, hasEvidence, samplesIn } from './evidence.ts'
import { readListedRims, readNvidiaSample, type NvidiaSample } from './nvidia-evidence.ts'

const anchors = [productionAnchor('nvidia-device-root'), productionAnchor('nvidia-rim-root')]

/** Every real sample of NVIDIA's and every manifest, with whichever crypto the caller has chosen. */
export function testNvidiaCorpus(crypto: string): void {
  const here = hasEvidence(22 + 4)
  const samples = samplesIn('nvidia', 22)

  describe(`real evidence of NVIDIA, ${crypto}`, () => {
    test.skipIf(!here)('there are 22 samples and 35 manifests', () => {
      expect([samples.length, readListedRims().length]).toEqual([22, 35])
    })

    test.skipIf(!here).for(samples)('%s comes out as expected, field by field', async (name) => {
      const sample = readNvidiaSample(name)
      const appraisal = await appraise(sample.evidence, givenOf(sample))
      expect(appraisal.authentic).toBe(sample.expected.authentic)
      expect(appraisal.authentic === false ? appraisal.reject : null).toBe(sample.expected.reject)
      if (appraisal.authentic === false) return
      expect(readBack(appraisal.claims)).toEqual(expectedFields(sample))
      expect(appraisal.claims.rims.map(rimBack)).toEqual(sample.expected.rims.map(rimFields))
      expect(appraisal.reasons.map(({ code }) => code)).toContain('REVOCATION_UNKNOWN')
      expect(isAccepted(appraisal)).toBe(false)
    })

    test.skipIf(!here)('each of the 35 manifests is as genuine as expected', async () => {
      const listed = readListedRims()
      const sample = readNvidiaSample('nvswitch-ppcie-2')
      const claims: RimClaim[] = []
      // At most 32 manifests are read at once.
      for (const part of [listed.slice(0, 20), listed.slice(20)]) {
        const rims = part.map(({ text }) => text)
        const appraisal = await appraise(sample.evidence, givenOf({ ...sample, rims }))
        if (appraisal.authentic === false) throw new Error(appraisal.where)
        claims.push(...appraisal.claims.rims)
      }
      const found = claims.map((rim) => {
        if ('malformed' in rim) return rim
        const { signatureHolds, digestHolds, chain } = rim
        const chains = chain === 'good' || chain === 'expired'
        return {
          product: rim.product,
          ...rimBack({ ...rim, mismatches: [] }),
          expected: signatureHolds && digestHolds && chains ? 'valid' : 'reject',
        }
      })
      expect(found).toEqual(
        listed.map((rim) => ({
          product: rim.name,
          ...rimFields({ ...rim, colloquialVersion: rim.version, mismatchedIndexes: [] }),
          expected: rim.expected,
        })),
      )
    })

    test.skipIf(!here)('each of the two roots counts for its own chains alone', async () => {
      const sample = readNvidiaSample('h100-580.159.03')
      const [devices, manifests] = anchors
      const judge = (anchor: Anchor) =>
        appraise(sample.evidence, { ...givenOf(sample), anchors: [anchor] })
      expect(await judge(devices!)).toMatchObject({
        authentic: true,
        claims: { rims: [{ signatureHolds: true, digestHolds: true, chain: 'UNTRUSTED_ROOT' }] },
      })
      expect(await judge(manifests!)).toMatchObject({ authentic: false, reject: 'UNTRUSTED_ROOT' })
    })

    test.skipIf(!here)('one GPU keeps its machine id when its firmware changes', async () => {
      const ids = ['h100-570.124.03', 'h100-580.159.03', 'h100-580.95.05-trailing-byte'].map(
        async (name) => {
          const sample = readNvidiaSample(name)
          const appraisal = await appraise(sample.evidence, givenOf(sample))
          return appraisal.authentic === false ? undefined : appraisal.claims.machineId
        },
      )
      const [older, newer, other] = await Promise.all(ids)
      expect(older).toMatch(/^[0-9a-f]{64}$/)
      expect(newer).toBe(older)
      expect(other).not.toBe(older)
    })
  })
}

function givenOf({ rims, verifyAt }: Pick<NvidiaSample, 'rims' | 'verifyAt'>): Given {
  const collateral = { nvidia: { rims, ocspResponses: [] } }
  return { collateral, anchors, policy: anyPolicy(), now: verifyAt }
}

/** Claims in the form of {@link expectedFields}. */
function readBack(claims: NvidiaClaims): object {
  const { report, certificate } = claims.firmwareId
  return {
    format: claims.format,
    anchor: claims.anchor,
    architecture: claims.architecture,
    nonce: claims.reportData,
    responseNonce: claims.responseNonce,
    slot: claims.slot,
    driverVersion: claims.driverVersion ?? '',
    vbiosVersion: claims.vbiosVersion ?? '',
    vbiosRimKey: claims.vbiosRimKey,
    leafSubject: claims.subjects[0],
    deviceSubject: claims.subjects[1],
    chain: claims.subjects,
    opaque: claims.opaque,
    measurements: Object.fromEntries(
      claims.measurements.map(({ index, type, value }) => [index, { type, value }]),
    ),
    numberOfBlocks: claims.measurements.length,
    fwidPresentInReport: report !== undefined,
    fwidMatchesLeafCert: report === undefined ? null : report === certificate,
    trailingBytes: claims.trailingBytes,
  }
}

function expectedFields({ architecture, expected, fields }: NvidiaSample): object {
  return {
    format: 'nvidia-spdm-1.1-measurements',
    anchor: 'nvidia-device-root',
    architecture,
    nonce: expected.nonce,
    responseNonce: fields.responseNonce,
    slot: fields.slot,
    driverVersion: fields.driverVersion,
    vbiosVersion: fields.vbiosVersion,
    vbiosRimKey: fields.vbiosRimKey,
    leafSubject: fields.leafSubject,
    deviceSubject: fields.deviceSubject,
    chain: fields.chain,
    opaque: Object.fromEntries(Object.entries(fields.opaque).map(([name, { hex }]) => [name, hex])),
    measurements: fields.measurements,
    numberOfBlocks: fields.numberOfBlocks,
    fwidPresentInReport: expected.fwidPresentInReport,
    fwidMatchesLeafCert: expected.fwidMatchesLeafCert,
    trailingBytes: expected.trailingBytes,
  }
}

/** A manifest's claims in the form of {@link rimFields}. */
function rimBack(rim: RimClaim): object {
  if ('malformed' in rim) return rim
  const day = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10)
  return {
    version: rim.version,
    active: rim.active,
    signature: rim.signatureHolds,
    digest: rim.digestHolds,
    chain: rim.chain === 'good' || rim.chain === 'expired',
    validity: [day(rim.notBefore), day(rim.notAfter)],
    mismatches: rim.mismatches,
  }
}

function rimFields(
  rim: Omit<NvidiaSample['expected']['rims'][number], 'measurementsMatch'>,
): object {
  return {
    version: rim.colloquialVersion,
    active: rim.active,
    signature: rim.xmlSignature,
    digest: rim.referenceDigest,
    chain: rim.chainToNvidiaRimRoot,
    validity: rim.certValidity,
    mismatches: rim.mismatchedIndexes,
  }
}
