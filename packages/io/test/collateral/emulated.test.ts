import { appraise, insecureDevnetAnchor, isAccepted, type Evidence } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import {
  createManufacturer,
  createNvidiaManufacturer,
  createSnpManufacturer,
  serveCollateral,
  serveNvidia,
  serveSnpKeys,
} from '@cloister/emulator'
import { expect, onTestFinished, test } from 'vitest'
import {
  CollateralFetcher,
  DocumentClient,
  type CollateralServices,
  type FetchGiven,
} from '../../src/index.ts'
import { anything } from './evidence.ts'
import { manualClock, startService } from './service.ts'

const now = unixSeconds(1_780_000_000)
const seed = new Uint8Array(32).fill(0x5e) // AMD's RSA keys of this one need no search.
const zeros = (size: number) => new Uint8Array(size)

/** What evidence is judged to be by what is fetched for it. */
async function judged(evidence: Evidence, services: CollateralServices, given: FetchGiven) {
  const clock = manualClock()
  const fetcher = new CollateralFetcher(services, new DocumentClient({ clock }))
  const answer = await fetcher.fetch(evidence, given)
  if (answer.kind !== 'fetched')
    throw new Error(`${answer.appraisal.reject}: ${answer.appraisal.where}`)
  const { collateral } = answer
  const { anchors } = given
  const appraisal = await appraise(evidence, { collateral, anchors, policy: anything, now })
  return { appraisal, clock }
}

const manufacturer = createManufacturer({ seed, now })
const intelAnchors = [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)]
const report = { mrEnclave: zeros(32), mrSigner: zeros(32), reportData: zeros(64) }

test.for([
  ['platform', 5],
  ['processor', 5],
  ['platform', 3],
] as const)(
  'an SGX machine of the %s CA is accepted, its quote of certification type %i',
  async ([ca, certificationType]) => {
    const machineSeed = zeros(16).fill(certificationType)
    const machine = manufacturer.createPlatform({ machineSeed, ca })
    const quote = machine.quoteEnclave({ ...report, certificationType })
    const service = await serveCollateral(manufacturer)
    onTestFinished(() => service.close())
    const evidence = { tee: 'sgx', quote } as const
    const services = { intel: { url: service.url } }
    const { appraisal } = await judged(evidence, services, { anchors: intelAnchors, now })
    expect(appraisal).toMatchObject({ authentic: true, claims: { tcbStatus: 'UpToDate' } })
    expect(isAccepted(appraisal)).toBe(true)
  },
)

test.for([
  ["own key's signature", 200, 'QUOTE_SIGNATURE', []],
  ["machine's signature", 600, 'QE_REPORT_SIGNATURE', ['pckcert']],
] as const)(
  'a quote without a chain whose %s does not hold costs no more than the request for its PCK certificate',
  async ([, at, reject, requests]) => {
    const machine = manufacturer.createPlatform({ machineSeed: zeros(16) })
    const quote = machine.quoteEnclave({ ...report, version: 3, certificationType: 3 })
    quote[at]! ^= 1
    const asked: string[] = []
    const service = await serveCollateral(manufacturer)
    onTestFinished(() => service.close())
    const front = await startService((request, response) => {
      asked.push(new URL(request.url ?? '/', service.url).pathname.split('/').at(-1) ?? '')
      void fetch(`${service.url}${request.url}`).then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers))
        response.end(await answer.text())
      })
    })
    const fetcher = new CollateralFetcher({ intel: { url: front.url } })
    const answer = await fetcher.fetch({ tee: 'sgx', quote }, { anchors: intelAnchors, now })
    expect(answer).toMatchObject({ kind: 'refused', appraisal: { reject } })
    expect(asked).toEqual(requests)
  },
)

test('an announced recovery shows in what is fetched early', async () => {
  const quote = manufacturer.createPlatform({ machineSeed: zeros(16) }).quote({
    mrtd: zeros(48),
    rtmrs: [zeros(48), zeros(48), zeros(48), zeros(48)],
    reportData: zeros(64),
  })
  const announced = { tcbEvaluationDataNumber: 18, earlyTcbEvaluationDataNumber: 19 }
  const service = await serveCollateral(manufacturer, () => announced)
  onTestFinished(() => service.close())
  const services = { intel: { url: service.url } }
  const status = async (update: 'standard' | 'early') => {
    const given = { anchors: intelAnchors, now, update }
    return (await judged({ tee: 'tdx', quote }, services, given)).appraisal
  }
  expect(await status('standard')).toMatchObject({ claims: { tcbStatus: 'UpToDate' } })
  expect(await status('early')).toMatchObject({
    claims: { tcbStatus: 'OutOfDate', tcbEvaluationDataNumber: 19 },
  })
})

test('an SNP machine is accepted, though its key service puts off the first request', async () => {
  const amd = createSnpManufacturer({ seed, now })
  const machine = amd.createPlatform({ machineSeed: zeros(16), line: 'Turin' })
  const evidence = {
    tee: 'sev-snp',
    report: machine.report({ measurement: zeros(48), reportData: zeros(64) }),
  } as const
  const waits = [11]
  const service = await serveSnpKeys(amd, { retryAfterSeconds: () => waits.pop() ?? 0 })
  onTestFinished(() => service.close())
  const anchors = [insecureDevnetAnchor(amd.anchorSpkiSha256('Turin'))]
  const services = { amd: { url: service.url } }
  const { appraisal, clock } = await judged(evidence, services, { anchors, now })
  expect(appraisal).toMatchObject({ authentic: true, claims: { revocation: 'good' } })
  expect([service.requests(), clock.waits[0]]).toEqual([4, 11_000])
})

test('a GPU is authentic, its manifests match and none of its certificates is revoked', async () => {
  const nvidia = createNvidiaManufacturer({ seed, now })
  const device = nvidia.createDevice({ chip: 'GH100', deviceSeed: zeros(16) })
  const evidence = device.evidence({ nonce: zeros(32) })
  const service = await serveNvidia(nvidia, { devices: [device] })
  onTestFinished(() => service.close())
  const { url } = service
  const anchors = [nvidia.anchorSpkiSha256, nvidia.rimAnchorSpkiSha256].map(insecureDevnetAnchor)
  const services = { nvidia: { rimUrl: url, ocspUrl: url } }
  const { appraisal } = await judged(evidence, services, { anchors, now })
  expect(appraisal).toMatchObject({
    authentic: true,
    claims: { revocation: 'good', rims: [{ kind: 'driver' }, { kind: 'vbios' }] },
  })
  const [identity] = device.identityChain
  nvidia.setStatus(identity!.serial, 'revoked')
  const revoked = await new CollateralFetcher(services).fetch(evidence, { anchors, now })
  expect(revoked).toMatchObject({ kind: 'refused', appraisal: { reject: 'CERT_REVOKED' } })
})
