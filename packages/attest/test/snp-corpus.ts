import {
  appraise,
  appraiseSnp,
  createAppraiser,
  encodeAppraisal,
  type SnpClaims,
} from '@cloister/attest'
import { encodeHex } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import { readGuestPolicy, readPlatformInfo } from '../src/snp/bits.ts'
import { parseSnpReport } from '../src/snp/parse.ts'
import { readTcb } from '../src/snp/tcb.ts'
import { anyPolicy, hasEvidence, samplesIn } from './evidence.ts'
import { amd, readSnpSample } from './snp-evidence.ts'

const count = 25

/** Every real SNP sample, with whichever crypto the caller has chosen. */
export function testSnpCorpus(crypto: string): void {
  const here = hasEvidence(3 * count + 1)
  const samples = samplesIn('snp', count)

  describe(`real SNP evidence, ${crypto}`, () => {
    test.skipIf(!here)(`there are ${count} samples`, () => {
      expect(samples.length).toBe(count)
    })

    test.skipIf(!here).for(samples)('%s comes out as it should', async (name) => {
      const { report, amd: documents, now, json } = readSnpSample(name)
      const given = { collateral: { amd: documents }, anchors: amd, policy: anyPolicy(), now }
      const appraisal = await appraise({ tee: 'sev-snp', report }, given)
      expect(appraisal.authentic).toBe(json.expected.authentic)
      if (appraisal.authentic === false) {
        // The corpus says CRL_INVALID where the closed list says that it may be expired, too.
        expect(appraisal.reject.replace('_OR_EXPIRED', '')).toBe(
          json.expected.reject?.replace('_OR_EXPIRED', ''),
        )
        return
      }
      const { claims } = appraisal
      expect(claims).toMatchObject({
        format: json.format,
        productLine: json.expected.product,
        anchor: `amd-ark-${json.expected.product.toLowerCase()}`,
        signingKey: json.expected.signingKey,
        debug: json.expected.debug,
        reportedTcb: json.expected.reportedTcb,
        productName: json.endorsementKeyExtensions['productName'],
        revocation: json.expected.crlChecked === true ? 'good' : 'not-checked',
        endorsement: 'pinned',
      })
      expect(claims.cspId).toBe(json.endorsementKeyExtensions['cspId'])
      expect(claims.machineId === undefined).toBe(json.expected.signingKey === 'VLEK')
      expect(fieldsOf(claims)).toMatchObject(json.fields)
      const codes = appraisal.reasons.map(({ code }) => code)
      expect(codes.includes('REVOCATION_UNKNOWN')).toBe(json.expected.crlChecked !== true)
      expect(codes.includes('PRODUCT_LINE')).toBe(json.expected.product === 'Milan')
      expect(codes.includes('DEBUG')).toBe(json.expected.debug)
      expect(codes.includes('VLEK')).toBe(json.expected.signingKey === 'VLEK')
      expect(codes.includes('VMPL')).toBe(json.fields['vmpl'] !== 0)
    })

    test.skipIf(!here).for(samples)('every field of %s is read', (name) => {
      const { report, json } = readSnpSample(name)
      const read = parseSnpReport(report)
      const line = json.expected.product
      const hex = (bytes: Uint8Array<ArrayBuffer>) => encodeHex(bytes)
      const cpuid = read.cpuid ?? { family: 0, model: 0, stepping: 0 }
      const dotted = ({ major, minor, build }: typeof read.currentVersion) =>
        `${major}.${minor}.${build}`
      expect({
        version: read.version,
        guestSvn: read.guestSvn,
        policy: readGuestPolicy(read.policy),
        familyId: hex(read.familyId),
        imageId: hex(read.imageId),
        vmpl: read.vmpl,
        signatureAlgo: read.signatureAlgo,
        currentTcb: readTcb(read.currentTcb, line),
        platformInfo: readPlatformInfo(read.platformInfo),
        authorKeyEn: read.authorKeyEn,
        maskChipKey: read.maskChipKey,
        signingKey: read.signingKey,
        reportData: hex(read.reportData),
        measurement: hex(read.measurement),
        hostData: hex(read.hostData),
        idKeyDigest: hex(read.idKeyDigest),
        authorKeyDigest: hex(read.authorKeyDigest),
        reportId: hex(read.reportId),
        reportIdMa: hex(read.reportIdMa),
        reportedTcb: readTcb(read.reportedTcb, line),
        cpuid,
        chipId: hex(read.chipId),
        committedTcb: readTcb(read.committedTcb, line),
        currentVersion: dotted(read.currentVersion),
        committedVersion: dotted(read.committedVersion),
        launchTcb: readTcb(read.launchTcb, line),
        ...(read.mitigations && {
          launchMitVector: `0x${read.mitigations.launch.toString(16)}`,
          currentMitVector: `0x${read.mitigations.current.toString(16)}`,
        }),
      }).toMatchObject(json.fields)
    })

    test.skipIf(!here).for(samples)(
      '%s gives the same bytes cold, warm and alone',
      async (name) => {
        const { report, amd: documents, now } = readSnpSample(name)
        const given = { collateral: { amd: documents }, anchors: amd, policy: anyPolicy(), now }
        const evidence = { tee: 'sev-snp', report } as const
        const { appraise: warm } = createAppraiser()
        const cold = encodeHex(encodeAppraisal(await warm(evidence, given)))
        expect(encodeHex(encodeAppraisal(await warm(evidence, given)))).toBe(cold)
        expect(encodeHex(encodeAppraisal(await appraiseSnp(evidence, given)))).toBe(cold)
      },
    )
  })
}

/** Claims under the names that the corpus has for them. */
function fieldsOf(claims: SnpClaims): object {
  const { reportVersion, launchDigest, cpuid } = claims
  return {
    ...claims,
    version: reportVersion,
    measurement: launchDigest,
    cpuid: cpuid ?? { family: 0, model: 0, stepping: 0 },
  }
}
