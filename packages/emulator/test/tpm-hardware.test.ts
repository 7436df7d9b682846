import {
  deviceKeyAnchor,
  insecureDevnetAnchor,
  isAccepted,
  productionAnchors,
  type Collateral,
  type TpmEvidence,
} from '@cloister/attest'
import type { Bytes } from '@cloister/codec'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  bindToSnp,
  bindToTd,
  createManufacturer,
  runtimeData,
  writeHclBlob,
  type QuoteRequest,
} from '../src/index.ts'
import { createSnpManufacturer } from '../src/snp/manufacturer.ts'
import { localTdReport } from '../src/tpm/paravisor.ts'
import {
  anyPolicy,
  claimsOf,
  concluded,
  flipped,
  judge,
  nonce,
  now,
  startedTpm,
  testTpmManufacturer,
} from './tpm-world.ts'

const tpm = startedTpm(testTpmManufacturer())
const other = startedTpm(testTpmManufacturer(), { tpmSeed: new Uint8Array(16).fill(2) })
const { certificateChain: _, ...quoted } = tpm.evidence({ nonce })
const policy = anyPolicy({ tpm: { hardwareMeasurements: 'any' } })

const intel = createManufacturer({ seed: new Uint8Array(32).fill(0x5e), now })
const td = {
  platform: intel.createPlatform({ machineSeed: new Uint8Array(16).fill(1) }),
  registers: {
    mrtd: new Uint8Array(48).fill(0xa0),
    rtmrs: [registerOf(0xb0), registerOf(0xb1), registerOf(0xb2), registerOf(0xb3)],
  },
} as const
const intelGiven = {
  collateral: { intel: intel.collateral() },
  anchors: [insecureDevnetAnchor(intel.anchorSpkiSha256)],
  policy,
}

function registerOf(value: number): Bytes {
  return new Uint8Array(48).fill(value)
}

describe('a vTPM over a TD', () => {
  const evidence: TpmEvidence = { ...quoted, ...bindToTd(tpm.key, td) }

  test('is what its hardware is: machine, anchor, TCB', async () => {
    const appraisal = await judge(evidence, intelGiven)
    expect(concluded(appraisal)).toEqual({ authentic: true, reasons: [] })
    const claims = claimsOf(appraisal)
    expect(claims).toMatchObject({
      endorsement: 'pinned',
      anchor: `insecure-devnet:${intel.anchorSpkiSha256}`,
      machineId: claims.hardware!.machineId,
      productLine: claims.hardware!.productLine,
      revocation: 'good',
      tcbStatus: 'UpToDate',
      debug: false,
      hardware: { tee: 'tdx', mrtd: 'a0'.repeat(48) },
      vm: { secureBoot: true, userData: '00'.repeat(64) },
    })
  })

  test('needs a policy that names what runs below it', async () => {
    const strict = await judge(evidence, { ...intelGiven, policy: anyPolicy() })
    expect(concluded(strict)).toEqual({ authentic: true, reasons: ['MEASUREMENT'] })
    const { hardware } = claimsOf(strict)
    const named = anyPolicy({ tpm: { hardwareMeasurements: [hardware!.measurement] } })
    expect(isAccepted(await judge(evidence, { ...intelGiven, policy: named }))).toBe(true)
  })

  test('cannot leave out its blob where a policy says what has to lie below', async () => {
    const { measurement } = claimsOf(await judge(evidence, intelGiven)).hardware!
    const pinned = { ...intelGiven, anchors: [deviceKeyAnchor(tpm.keySpkiSha256, 'tpm2')] }
    expect(isAccepted(await judge(quoted, pinned))).toBe(true)
    for (const wanted of [
      { hardwareMeasurements: [measurement] },
      { hardwareMeasurements: [measurement], requireHardware: 'never' },
      { requireHardware: 'always' },
    ] as const)
      expect(
        concluded(await judge(quoted, { ...pinned, policy: anyPolicy({ tpm: wanted }) })),
      ).toEqual({ authentic: true, reasons: ['HARDWARE'] })
  })

  test('is debugged where its TD is, and out of date where its machine is', async () => {
    const platform = intel.createPlatform({
      machineSeed: new Uint8Array(16).fill(3),
      tcb: 'OutOfDate',
    })
    const debugged = {
      platform: { quote: (request: QuoteRequest) => platform.quote({ ...request, debug: true }) },
      registers: td.registers,
    }
    const appraisal = await judge({ ...quoted, ...bindToTd(tpm.key, debugged) }, intelGiven)
    expect(claimsOf(appraisal).debug).toBe(true)
    expect(new Set(concluded(appraisal).reasons)).toEqual(
      new Set(['DEBUG', 'TCB_STATUS', 'ADVISORY']),
    )
  })

  test('is no more than supplied without what its hardware is judged by', async () => {
    const { hardwareQuote: __, ...withoutQuote } = evidence
    for (const [judged, collateral] of [
      [withoutQuote, intelGiven.collateral],
      [evidence, {}],
    ] as const) {
      const appraisal = await judge(judged, { ...intelGiven, collateral })
      expect(appraisal.authentic).toBe(true)
      expect(claimsOf(appraisal).endorsement).toBe('supplied')
      expect(concluded(appraisal).reasons).toEqual(
        expect.arrayContaining(['ENDORSEMENT', 'HARDWARE']),
      )
    }
  })

  test('gains no trust for the machine of a devnet by a key that somebody pins', async () => {
    const spkiSha256 = claimsOf(await judge(quoted)).attestationKey.spkiSha256
    const anchors = [...intelGiven.anchors, deviceKeyAnchor(spkiSha256, 'tpm2')]
    const devnet = `insecure-devnet:${intel.anchorSpkiSha256}`
    const strict = anyPolicy({ minTier: 1, tpm: policy.tpm })
    for (const collateral of [intelGiven.collateral, {}]) {
      const appraisal = await judge(evidence, { anchors, collateral, policy: strict })
      expect(claimsOf(appraisal)).toMatchObject({ anchor: devnet, hardware: { anchor: devnet } })
      expect(concluded(appraisal).reasons).toContain('TIER')
    }
    const pinned = await judge(quoted, { anchors, policy: strict })
    expect(concluded(pinned)).toEqual({ authentic: true, reasons: [] })
  })

  test('is not authentic where its hardware is not, and says so', async () => {
    const forged = { ...evidence, hardwareQuote: flipped(evidence.hardwareQuote!, 200 * 8) }
    expect(await judge(forged, intelGiven)).toMatchObject({
      reject: 'QUOTE_SIGNATURE',
      where: 'hardware: header and body',
    })
    expect(await judge(evidence, { ...intelGiven, anchors: productionAnchors() })).toMatchObject({
      reject: 'UNTRUSTED_ROOT',
      where: expect.stringContaining('hardware: '),
    })
  })

  test('is bound to no hardware by a report over another key, or made from another TDREPORT', async () => {
    const foreign = bindToTd(other.key, td)
    expect(concluded(await judge({ ...quoted, ...foreign }, intelGiven))).toEqual({
      authentic: false,
      reject: 'AK_BINDING',
    })
    // The right key's name, below another key's report.
    const quote = foreign.hardwareQuote!
    const hcl = writeHclBlob('tdx', localTdReport(quote), runtimeData(tpm.key))
    expect(await judge({ ...quoted, hcl, hardwareQuote: quote }, intelGiven)).toMatchObject({
      reject: 'AK_BINDING',
      where: expect.stringContaining('not the digest of the runtime data'),
    })
    // The right report, and a genuine quote of the same TD over something else.
    expect(await judge({ ...evidence, hardwareQuote: quote }, intelGiven)).toMatchObject({
      reject: 'AK_BINDING',
      where: expect.stringContaining('reportData'),
    })
  })

  test('is bound alike by every hash, and with zeros that count as part of the runtime data', async () => {
    for (const options of [{ hash: 'sha384' }, { hash: 'sha512' }, { paddingBytes: 32 }] as const) {
      const bound = { ...quoted, ...bindToTd(tpm.key, td, options) }
      expect(concluded(await judge(bound, intelGiven))).toEqual({ authentic: true, reasons: [] })
    }
  })

  test('brings nothing in bytes that nobody signs', async () => {
    const { hcl } = evidence
    for (const offset of [0, 32 + 1024, hcl!.length - 1])
      expect(
        concluded(await judge({ ...evidence, hcl: flipped(hcl!, offset * 8) }, intelGiven)),
      ).toMatchObject({
        authentic: false,
        reject: 'PARSE',
      })
  })

  test('has a quote only with the blob that binds the key to it', async () => {
    const { hcl: __, ...unbound } = evidence
    expect(concluded(await judge(unbound, intelGiven))).toEqual({
      authentic: false,
      reject: 'PARSE',
    })
  })
})

describe('a vTPM over an SNP guest', () => {
  const amd = createSnpManufacturer({ seed: new Uint8Array(32).fill(0x5e), now })
  const platform = amd.createPlatform({ machineSeed: new Uint8Array(16).fill(1), line: 'Genoa' })
  const sign = (reportData: Bytes): Bytes =>
    platform.report({ measurement: new Uint8Array(48).fill(0xc0), reportData })
  let given: {
    collateral: Collateral
    anchors: ReturnType<typeof anchorsOf>
    policy: typeof policy
  }
  const anchorsOf = () => [insecureDevnetAnchor(amd.anchorSpkiSha256('Genoa'))]
  // RSA keys of 4096 bits are made here.
  beforeAll(() => {
    const collateral = { amd: platform.collateral(amd.revocationList('Genoa')) }
    given = { collateral, anchors: anchorsOf(), policy }
  }, 60_000)

  test('is what its hardware is', async () => {
    const evidence = { ...quoted, ...bindToSnp(tpm.key, sign) }
    const appraisal = await judge(evidence, given)
    expect(claimsOf(appraisal)).toMatchObject({
      endorsement: 'pinned',
      productLine: 'Genoa',
      revocation: 'good',
      hardware: { tee: 'sev-snp', launchDigest: 'c0'.repeat(48) },
    })
    expect(concluded(appraisal).reasons).not.toContain('ENDORSEMENT')
    const alone = await judge(evidence, { ...given, collateral: {} })
    expect(concluded(alone)).toEqual({ authentic: true, reasons: ['ENDORSEMENT', 'HARDWARE'] })
    expect(claimsOf(alone)).not.toHaveProperty('vm')
  })

  test('is bound to no report over another key, and to none that is forged', async () => {
    const foreign = { ...quoted, ...bindToSnp(other.key, sign) }
    expect(concluded(await judge(foreign, given))).toMatchObject({ reject: 'AK_BINDING' })
    const { hcl } = bindToSnp(tpm.key, sign)
    const forged = flipped(hcl, (32 + 0x90) * 8)
    expect(await judge({ ...quoted, hcl: forged }, given)).toMatchObject({
      reject: 'REPORT_SIGNATURE',
      where: expect.stringContaining('hardware: '),
    })
  })
})
