import { appraise, insecureDevnetAnchor, isAccepted } from '@cloister/attest'
import { unixSeconds, type Bytes } from '@cloister/codec'
import { createManufacturer, serveCollateral } from '@cloister/emulator'
import { expect, onTestFinished, test } from 'vitest'
import { CollateralFetcher, DocumentClient, type DocumentClientOptions } from '../../src/index.ts'
import { anything } from './evidence.ts'
import { startService } from './service.ts'

const now = unixSeconds(1_780_000_000)
const manufacturer = createManufacturer({ seed: new Uint8Array(32).fill(7), now })
const platform = manufacturer.createPlatform({ machineSeed: new Uint8Array(16).fill(1) })
const anchors = [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)]
const zeros = (size: number) => new Uint8Array(size)
const quote = platform.quote({
  reportData: zeros(64),
  mrtd: zeros(48),
  rtmrs: [zeros(48), zeros(48), zeros(48), zeros(48)],
})
const evidence = (bytes: Bytes = quote) => ({ tee: 'tdx', quote: bytes }) as const

async function serve() {
  const service = await serveCollateral(manufacturer, () => ({ issuedAt: now }))
  onTestFinished(() => service.close())
  return service
}

function fetcher(url: string, options: DocumentClientOptions = {}) {
  const retry = { attemptsMax: 1, firstDelayMs: 1, delayMsMax: 1 }
  return new CollateralFetcher({ intel: { url } }, new DocumentClient({ retry, ...options }))
}

test('what is fetched for a quote makes it accepted', async () => {
  const service = await serve()
  const answer = await fetcher(service.url).fetch(evidence(), { anchors, now })
  if (answer.kind !== 'fetched') throw new Error(answer.appraisal.where)
  const given = { collateral: answer.collateral, anchors, policy: anything, now }
  expect(isAccepted(await appraise(evidence(), given))).toBe(true)
})

test.for([
  ['the signature', 436 + 200, 'QUOTE_SIGNATURE'],
  ['the report', 200, 'QUOTE_SIGNATURE'],
  ["the quoting enclave's report", 800, 'QE_REPORT_SIGNATURE'],
] as const)('nothing is asked for a quote with a flipped bit in %s', async ([, at, reject]) => {
  const service = await startService((_, response) => response.end())
  const forged = quote.slice()
  forged[at]! ^= 1
  const answer = await fetcher(service.url).fetch(evidence(forged), { anchors, now })
  expect(answer).toMatchObject({ kind: 'refused', appraisal: { authentic: false, reject } })
  expect(service.asked).toEqual([])
})

test("nothing is asked for a quote under somebody else's root, nor for what is no quote", async () => {
  const service = await startService((_, response) => response.end())
  const other = insecureDevnetAnchor('ab'.repeat(32))
  const foreign = await fetcher(service.url).fetch(evidence(), { anchors: [other], now })
  expect(foreign).toMatchObject({ kind: 'refused', appraisal: { reject: 'UNTRUSTED_ROOT' } })
  const garbage = await fetcher(service.url).fetch(evidence(zeros(100)), { anchors, now })
  expect(garbage).toMatchObject({ kind: 'refused' })
  expect(service.asked).toEqual([])
})

test('documents that came with the evidence are not fetched', async () => {
  const service = await startService((_, response) => response.end())
  const known = { intel: manufacturer.collateral({ issuedAt: now }) }
  const answer = await fetcher(service.url).fetch(evidence(), { anchors, now, known })
  expect(answer).toEqual({ kind: 'fetched', collateral: known, warnings: [] })
  expect(service.asked).toEqual([])
})

test('the paths are those of the PCS, and say which evaluation data set is wanted', async () => {
  const service = await startService((_, response) => response.writeHead(404).end())
  for (const update of ['standard', 'early', 17] as const)
    await expect(
      fetcher(service.url).fetch(evidence(), { anchors, now, update }),
    ).rejects.toMatchObject({ code: 'collateral-unavailable' })
  const sets = ['', 'update=early', 'tcbEvaluationDataNumber=17']
  await expect
    .poll(() => new Set(service.asked))
    .toEqual(
      new Set([
        'GET /sgx/certification/v4/pckcrl?ca=platform&encoding=der',
        'GET /sgx/certification/v4/rootcacrl',
        ...sets.map((set) => `GET /tdx/certification/v4/tcb?fmspc=C10157E00000${set && `&${set}`}`),
        ...sets.map((set) => `GET /tdx/certification/v4/qe/identity${set && `?${set}`}`),
      ]),
    )
})

test.for([
  ['a page', '<html></html>'],
  ['nothing', ''],
  ['JSON of another form', '{"tcbInfo":{},"signature":"00"}'],
])('a service that answers with %s is named', async ([, body]) => {
  const service = await startService((_, response) => response.end(body))
  await expect(fetcher(service.url).fetch(evidence(), { anchors, now })).rejects.toMatchObject({
    code: 'collateral-unavailable',
    message: expect.stringContaining(service.url),
  })
})

test('documents that do not verify are given out with a warning, and not kept', async () => {
  const stranger = createManufacturer({ seed: new Uint8Array(32).fill(8), now })
  let maker = stranger
  const real = await serve()
  const wrong = await serveCollateral(stranger, () => ({ issuedAt: now }))
  onTestFinished(() => wrong.close())
  const front = await startService((request, response) => {
    const base = maker === stranger ? wrong.url : real.url
    void fetch(`${base}${request.url}`).then(async (answer) => {
      response.writeHead(answer.status, Object.fromEntries(answer.headers))
      response.end(Buffer.from(await answer.arrayBuffer()))
    })
  })
  const shared = fetcher(front.url)
  const verdict = async () => {
    const answer = await shared.fetch(evidence(), { anchors, now })
    if (answer.kind !== 'fetched') throw new Error(answer.appraisal.where)
    const { collateral, warnings } = answer
    expect(warnings).toEqual(maker === stranger ? [expect.stringContaining('UNTRUSTED_ROOT')] : [])
    return await appraise(evidence(), { collateral, anchors, policy: anything, now })
  }
  expect(await verdict()).toMatchObject({ authentic: false, reject: 'UNTRUSTED_ROOT' })
  maker = manufacturer
  expect(await verdict()).toMatchObject({ authentic: true })
  expect(front.asked.length).toBe(8)
  expect(await verdict()).toMatchObject({ authentic: true })
  expect(front.asked.length).toBe(8)
})

test('all requests together have a deadline', async () => {
  const service = await startService(() => {})
  await expect(
    fetcher(service.url).fetch(evidence(), { anchors, now, timeoutMs: 50 }),
  ).rejects.toMatchObject({ code: 'collateral-timeout', retryable: true })
})

test('a platform that is named instead of a quote is fetched by its name, which is checked', async () => {
  const service = await serve()
  const name = { tee: 'tdx', ca: 'platform' } as const
  const intel = await fetcher(service.url).fetchIntel({ ...name, fmspc: 'c10157e00000' }, now)
  expect(JSON.parse(intel.tcbInfo)).toMatchObject({ fmspc: 'C10157E00000' })
  await expect(
    fetcher(service.url).fetchIntel({ ...name, fmspc: '&a=b;/../' }, now),
  ).rejects.toMatchObject({ code: 'malformed' })
})
