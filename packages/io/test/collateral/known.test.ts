// Documents at hand: used where they hold now, fetched anew where they don't, and never a reason to skip a signature.
import {
  appraise,
  insecureDevnetAnchor,
  type Anchor,
  type Collateral,
  type Evidence,
} from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import {
  bindToTd,
  createManufacturer,
  createNvidiaManufacturer,
  createSnpManufacturer,
  createTpmManufacturer,
  serveCollateral,
  serveNvidia,
  serveSnpKeys,
  type CollateralOptions,
} from '@cloister/emulator'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CollateralFetcher, DocumentClient, type FetchGiven } from '../../src/index.ts'
import { anything } from './evidence.ts'
import { manualClock, startService } from './service.ts'

const now = unixSeconds(1_780_000_000)
const longAgo = unixSeconds(now - 60 * 86_400)
const seed = new Uint8Array(32).fill(0x5e) // AMD's RSA keys of this one need no search.
const zeros = (size: number) => new Uint8Array(size)

type World = {
  readonly anchors: readonly Anchor[]
  /** Absent: nobody answers. */
  readonly url?: string
}

/** Fetches through a front that remembers what was asked, without its parameters. */
async function fetchIn(
  { anchors, url }: World,
  evidence: Evidence,
  given: Omit<FetchGiven, 'anchors' | 'now'>,
) {
  const front = await startService((request, response) => {
    if (url === undefined) {
      response.writeHead(503).end()
      return
    }
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const method = request.method ?? 'GET'
      const type = request.headers['content-type']
      const sent =
        type === undefined ? {} : { body: Buffer.concat(parts), headers: { 'content-type': type } }
      void fetch(`${url}${request.url}`, { method, ...sent }).then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers))
        response.end(Buffer.from(await answer.arrayBuffer()))
      })
    })
  })
  const { url: own } = front
  const fetcher = new CollateralFetcher(
    { intel: { url: own }, amd: { url: own }, nvidia: { rimUrl: own, ocspUrl: own } },
    new DocumentClient({ clock: manualClock() }),
  )
  const answer = await fetcher.fetch(evidence, { anchors, now, ...given })
  const asked = [
    ...new Set(front.asked.map((line) => line.replace(/\?.*/, '').replace(/.*\//, ''))),
  ]
  const collateral: Collateral = answer.kind === 'fetched' ? answer.collateral : {}
  const appraisal = await appraise(evidence, { collateral, anchors, policy: anything, now })
  return { answer, asked: asked.toSorted(), appraisal }
}

const intel = createManufacturer({ seed, now })
const machine = intel.createPlatform({ machineSeed: zeros(16) })
const registers = { mrtd: zeros(48), rtmrs: [zeros(48), zeros(48), zeros(48), zeros(48)] } as const
const intelAnchors = [insecureDevnetAnchor(intel.anchorSpkiSha256)]
const intelDocuments = ['identity', 'pckcrl', 'rootcacrl', 'tcb']

async function intelWorld(options: CollateralOptions = {}): Promise<World> {
  const service = await serveCollateral(intel, () => options)
  onTestFinished(() => service.close())
  return { anchors: intelAnchors, url: service.url }
}

/** One of each kind of evidence that Intel's documents are about. */
function quotes(certificationType: 3 | 5 = 5) {
  const reportData = zeros(64)
  const enclave = { mrEnclave: zeros(32), mrSigner: zeros(32), reportData, certificationType }
  return {
    sgx: { tee: 'sgx', quote: machine.quoteEnclave(enclave) },
    tdx: { tee: 'tdx', quote: machine.quote({ ...registers, reportData, certificationType }) },
  } as const
}

describe.for(['sgx', 'tdx'] as const)('an %s quote', (tee) => {
  const evidence = quotes()[tee]
  const documents = (options: CollateralOptions = {}) => ({
    intel: intel.collateral({ tee, ...options }),
  })

  test('is judged by documents at hand, where they hold', async () => {
    const known = documents()
    const { answer, asked } = await fetchIn({ anchors: intelAnchors }, evidence, { known })
    expect(answer).toEqual({ kind: 'fetched', collateral: known, warnings: [] })
    expect(asked).toEqual([])
  })

  test.for<[string, CollateralOptions]>([
    ['are over', { issuedAt: longAgo }],
    ['have one list that is over', { validity: { pckCrl: { notAfter: unixSeconds(now - 1) } } }],
    ['are of another family', { fmspc: new Uint8Array(6).fill(1) }],
  ])('gets new ones where those at hand %s', async ([, options]) => {
    const known = documents(options)
    const { answer, asked, appraisal } = await fetchIn(await intelWorld(), evidence, { known })
    expect(answer).toMatchObject({ kind: 'fetched', warnings: [] })
    expect(asked).toEqual(intelDocuments)
    expect(appraisal).toMatchObject({ authentic: true, claims: { revocation: 'good' } })
  })

  test('gets the set that is asked for, though older documents hold', async () => {
    const announced = { tcbEvaluationDataNumber: 18, earlyTcbEvaluationDataNumber: 19 }
    const world = await intelWorld(announced)
    const known = documents(announced)
    const numberOf = async (update: FetchGiven['update']) => {
      const { asked, appraisal } = await fetchIn(world, evidence, { known, update: update! })
      if (appraisal.authentic === false) throw new Error(appraisal.where)
      return [appraisal.claims.tcbEvaluationDataNumber, asked.length]
    }
    expect(await numberOf('early')).toEqual([19, 4])
    expect(await numberOf('standard')).toEqual([18, 4])
    expect(await numberOf(19)).toEqual([19, 4])
    expect(await numberOf(18)).toEqual([18, 0])
  })

  test('is refused where it is forged, whatever is at hand', async () => {
    const quote = evidence.quote.slice()
    quote[200]! ^= 1
    for (const known of [documents(), documents({ issuedAt: longAgo })]) {
      const { answer, asked } = await fetchIn(await intelWorld(), { tee, quote }, { known })
      expect(answer).toMatchObject({ kind: 'refused', appraisal: { reject: 'QUOTE_SIGNATURE' } })
      expect(asked).toEqual([])
    }
  })

  test('is refused where the documents that come say that its machine is revoked', async () => {
    const manufacturer = createManufacturer({ seed, now })
    const taken = manufacturer.createPlatform({ machineSeed: zeros(16) })
    manufacturer.revoke(taken)
    const service = await serveCollateral(manufacturer)
    onTestFinished(() => service.close())
    const world = { anchors: intelAnchors, url: service.url }
    const { answer } = await fetchIn(world, evidence, {})
    expect(answer).toMatchObject({ kind: 'refused', appraisal: { reject: 'CERT_REVOKED' } })
  })

  test('that names its platform keeps a chain at hand that holds, and gets one where it does not', async () => {
    const named = quotes(3)[tee]
    const world = await intelWorld()
    const over = documents({ issuedAt: longAgo }).intel
    const chain = { pckCertificateChain: machine.pckChainPem }
    const kept = await fetchIn(world, named, { known: { intel: { ...over, ...chain } } })
    expect([kept.asked, kept.appraisal.authentic]).toEqual([intelDocuments, true])
    const other = intel.createPlatform({ machineSeed: zeros(16).fill(9) })
    const wrong = { pckCertificateChain: other.pckChainPem }
    const known = { intel: { ...documents().intel, ...wrong } }
    const replaced = await fetchIn(world, named, { known })
    expect([replaced.asked, replaced.appraisal.authentic]).toEqual([['pckcert'], true])
  })

  test('that names its platform costs no request where it is forged', async () => {
    const quote = quotes(3)[tee].quote.slice()
    quote[200]! ^= 1
    const { answer, asked } = await fetchIn(await intelWorld(), { tee, quote }, {})
    expect(answer).toMatchObject({ kind: 'refused', appraisal: { reject: 'QUOTE_SIGNATURE' } })
    expect(asked).toEqual([])
  })
})

describe('an SNP report', () => {
  const line = 'Turin'
  const amd = createSnpManufacturer({ seed, now })
  const guest = amd.createPlatform({ machineSeed: zeros(16), line })
  const anchors = [insecureDevnetAnchor(amd.anchorSpkiSha256(line))]
  const report = guest.report({ measurement: zeros(48), reportData: zeros(64) })
  const evidence = { tee: 'sev-snp', report } as const
  const serve = async (): Promise<World> => {
    const service = await serveSnpKeys(amd)
    onTestFinished(() => service.close())
    return { anchors, url: service.url }
  }
  const good = { amd: guest.collateral(amd.revocationList(line)) }
  const expired = {
    amd: guest.collateral(amd.revocationList(line, { issuedAt: longAgo, lifetimeSeconds: 86_400 })),
  }

  test('is judged by documents at hand, where they hold', async () => {
    const { answer, asked } = await fetchIn({ anchors }, evidence, { known: good })
    expect(answer).toEqual({ kind: 'fetched', collateral: good, warnings: [] })
    expect(asked).toEqual([])
  })

  test('gets a new revocation list where the one at hand is over, and keeps its certificates', async () => {
    const { asked, appraisal } = await fetchIn(await serve(), evidence, { known: expired })
    expect(asked).toEqual(['crl'])
    expect(appraisal).toMatchObject({ authentic: true, claims: { revocation: 'good' } })
  })

  test('gets new certificates where those at hand are of another chip', async () => {
    const other = amd.createPlatform({ machineSeed: zeros(16).fill(9), line })
    const known = { amd: other.collateral(amd.revocationList(line)) }
    const { asked, appraisal } = await fetchIn(await serve(), evidence, { known })
    expect(asked.slice(1)).toEqual(['cert_chain']) // The first is the chip's; the list at hand still holds.
    expect(appraisal).toMatchObject({ authentic: true, claims: { revocation: 'good' } })
  })

  test('comes with a warning and without the list that is over, where no other can be had', async () => {
    const { answer, appraisal } = await fetchIn({ anchors }, evidence, { known: expired })
    const { certificateChain } = expired.amd
    expect(answer).toEqual({
      kind: 'fetched',
      collateral: { amd: { certificateChain } },
      warnings: [expect.stringContaining('is unknown')],
    })
    expect(appraisal).toMatchObject({ authentic: true, claims: { revocation: 'not-checked' } })
  })

  test('is refused by a list at hand that names its key, though no other can be had', async () => {
    const revoking = createSnpManufacturer({ seed, now })
    revoking.revoke(line, 'ASK')
    const known = { amd: guest.collateral(revoking.revocationList(line)) }
    const { answer } = await fetchIn({ anchors }, evidence, { known })
    expect(answer).toMatchObject({ kind: 'refused', appraisal: { reject: 'CERT_REVOKED' } })
  })

  test('is refused where it is forged, whatever is at hand', async () => {
    const forged = report.slice()
    forged[0x90]! ^= 1
    for (const known of [good, expired]) {
      const { answer, asked } = await fetchIn(
        await serve(),
        { ...evidence, report: forged },
        { known },
      )
      expect(answer).toMatchObject({ kind: 'refused', appraisal: { reject: 'REPORT_SIGNATURE' } })
      expect(asked).toEqual([])
    }
  })
})

describe('a GPU', () => {
  const maker = createNvidiaManufacturer({ seed, now })
  const device = maker.createDevice({ chip: 'GH100', deviceSeed: zeros(16) })
  const evidence = device.evidence({ nonce: zeros(32) })
  const anchors = [maker.anchorSpkiSha256, maker.rimAnchorSpkiSha256].map(insecureDevnetAnchor)
  const serve = async (): Promise<World> => {
    const service = await serveNvidia(maker, { devices: [device] })
    onTestFinished(() => service.close())
    return { anchors, url: service.url }
  }
  const good = { nvidia: maker.collateral(device) }
  const expired = { nvidia: maker.collateral(device, { issuedAt: longAgo }) }

  test('is judged by documents at hand, where they hold', async () => {
    const { answer, asked } = await fetchIn({ anchors }, evidence, { known: good })
    expect(answer).toEqual({ kind: 'fetched', collateral: good, warnings: [] })
    expect(asked).toEqual([])
  })

  test('gets new statuses where those at hand are over, and keeps its manifests', async () => {
    const { asked, appraisal } = await fetchIn(await serve(), evidence, { known: expired })
    expect(asked).toEqual([''])
    expect(appraisal).toMatchObject({ authentic: true, claims: { revocation: 'good' } })
  })

  test('gets new manifests where those at hand are not genuine', async () => {
    const rims = good.nvidia.rims.map((rim) => rim.replace('size="48"', 'size="32"'))
    const known = { nvidia: { ...good.nvidia, rims } }
    const { answer, asked } = await fetchIn(await serve(), evidence, { known })
    expect(asked.filter((path) => path.startsWith('NV_')).length).toBe(2)
    expect(answer).toMatchObject({ collateral: { nvidia: { rims: good.nvidia.rims } } })
  })

  test('comes with a warning and without statuses that are over, where no others can be had', async () => {
    const { answer, appraisal } = await fetchIn({ anchors }, evidence, { known: expired })
    expect(answer).toEqual({
      kind: 'fetched',
      collateral: { nvidia: { rims: expired.nvidia.rims, ocspResponses: [] } },
      warnings: [expect.stringMatching(/\d+ of \d+ certificates is unknown/)],
    })
    expect(appraisal).toMatchObject({ authentic: true, claims: { revocation: 'not-checked' } })
  })

  test('is refused by a status at hand that says revoked, though no other can be had', async () => {
    const revoking = createNvidiaManufacturer({ seed, now })
    revoking.setStatus(device.identityChain[0]!.serial, 'revoked')
    const known = { nvidia: revoking.collateral(device) }
    const { answer } = await fetchIn({ anchors }, evidence, { known })
    expect(answer).toMatchObject({ kind: 'refused', appraisal: { reject: 'CERT_REVOKED' } })
  })

  test('is refused where its report is forged, whatever is at hand', async () => {
    const measurements = evidence.measurements.slice()
    measurements[10]! ^= 1
    const { answer, asked } = await fetchIn(
      await serve(),
      { ...evidence, measurements },
      { known: good },
    )
    expect(answer).toMatchObject({ kind: 'refused', appraisal: { reject: 'REPORT_SIGNATURE' } })
    expect(asked).toEqual([])
  })
})

describe('a vTPM over a TD', () => {
  const tpm = createTpmManufacturer({ seed }).createTpm({ tpmSeed: zeros(16) })
  const { certificateChain: _, ...quoted } = tpm.evidence({ nonce: zeros(32) })
  const evidence = { ...quoted, ...bindToTd(tpm.key, { platform: machine, registers }) }

  test('gets new documents where those at hand are over', async () => {
    const known = { intel: intel.collateral({ issuedAt: longAgo }) }
    const { answer, asked, appraisal } = await fetchIn(await intelWorld(), evidence, { known })
    expect(answer).toMatchObject({ kind: 'fetched', warnings: [] })
    expect(asked).toEqual(intelDocuments)
    expect(appraisal).toMatchObject({ authentic: true, claims: { revocation: 'good' } })
  })

  test.for(['quote', 'hardwareQuote'] as const)(
    'is refused where its %s is forged, whatever is at hand',
    async (part) => {
      const forged = evidence[part]!.slice()
      forged[part === 'quote' ? 20 : 200]! ^= 1
      const known = { intel: intel.collateral() }
      const world = await intelWorld()
      const { answer, asked } = await fetchIn(world, { ...evidence, [part]: forged }, { known })
      expect(answer.kind).toBe('refused')
      expect(asked).toEqual([])
    },
  )
})
