import { appraise, productionAnchors } from '@cloister/attest'
import { expect, test } from 'vitest'
import { CollateralFetcher, DocumentClient, type FetchGiven } from '../../src/index.ts'
import { anything, hasEvidence, readSample } from './evidence.ts'
import { manualClock, startService } from './service.ts'

const anchors = productionAnchors()
const samples = [
  {
    name: 'snp/ms-turin-v5-real-crl',
    line: 'Turin',
    vcek: '/vcek/v1/Turin/59790fb1c39f35c1?fmcSPL=01&blSPL=01&teeSPL=01&snpSPL=04&ucodeSPL=81',
  },
  {
    name: 'snp/oak-genoa-v5-real-crl',
    line: 'Genoa',
    vcek:
      '/vcek/v1/Genoa/d2421d976f95ce0ba849b7cc5c789122f1e59c77a037272c137ae4d188bb102adbc7c53d0302bff82a432c94a305dec7a7a270ceb19a10f04a83316c6486968d' +
      '?blSPL=10&teeSPL=00&snpSPL=25&ucodeSPL=84',
  },
  {
    name: 'snp/google-milan-v2-real-crl',
    line: 'Milan',
    vcek:
      '/vcek/v1/Milan/3ac3fe21e13fb0990eb28a802e3fb6a29483a6b0753590c951bdd3b8e53786184ca39e359669a2b76a1936776b564ea464cdce40c05f63c9b610c5068b006b5d' +
      '?blSPL=02&teeSPL=00&snpSPL=05&ucodeSPL=68',
  },
] as const

/** A service that has AMD's own documents of one sample, at the paths of the KDS. */
async function serveSample(line: string, file: (name: string) => Buffer) {
  const service = await startService((request, response) => {
    const path = request.url ?? ''
    if (path === `/vcek/v1/${line}/cert_chain`) response.end(file('cert_chain.pem'))
    else if (path === `/vcek/v1/${line}/crl`) response.end(file('crl.der'))
    else if (path.startsWith(`/vcek/v1/${line}/`)) response.end(file('vcek.der'))
    else response.writeHead(404).end()
  })
  const clock = manualClock()
  const fetcher = new CollateralFetcher(
    { amd: { url: service.url } },
    new DocumentClient({ clock }),
  )
  return { ...service, clock, fetcher }
}

const given = (now: FetchGiven['now']): FetchGiven => ({ anchors, now, productLine: 'Milan' })

test.skipIf(!hasEvidence(7)).for(samples)(
  '$name is authentic by what is fetched, at the addresses of the KDS',
  async ({ name, line, vcek }) => {
    const { evidence, now, file } = readSample(name)
    const { fetcher, asked } = await serveSample(line, file)
    const answer = await fetcher.fetch(evidence, given(now))
    if (answer.kind !== 'fetched') throw new Error(answer.appraisal.where)
    expect(asked).toEqual([
      `GET ${vcek}`,
      `GET /vcek/v1/${line}/cert_chain`,
      `GET /vcek/v1/${line}/crl`,
    ])
    const { collateral } = answer
    expect(await appraise(evidence, { collateral, anchors, policy: anything, now })).toMatchObject({
      authentic: true,
      claims: { revocation: 'good', productLine: line },
    })
    await fetcher.fetch(evidence, given(now))
    expect(asked.length).toBe(3)
  },
)

const [{ name, line }] = samples

test.skipIf(!hasEvidence(0))(
  'a forged report costs its VCEK and the fixed chain, and nothing after',
  async () => {
    const { evidence, now, file } = readSample(name)
    if (evidence.tee !== 'sev-snp') throw new Error('Not a report')
    const { fetcher, asked } = await serveSample(line, file)
    const report = evidence.report.slice()
    report[0x90]! ^= 1 // The measurement.
    const forged = { tee: 'sev-snp', report } as const
    const refused = { kind: 'refused', appraisal: { reject: 'REPORT_SIGNATURE' } }
    expect(await fetcher.fetch(forged, given(now))).toMatchObject(refused)
    expect(await fetcher.fetch(forged, given(now))).toMatchObject(refused)
    expect(asked.length).toBe(2)
  },
)

test.skipIf(!hasEvidence(0))(
  'a report whose certificate is at hand costs nothing before its signature holds',
  async () => {
    const { evidence, collateral, now, file } = readSample(name)
    if (evidence.tee !== 'sev-snp' || collateral.amd === undefined) throw new Error('Not a report')
    const { fetcher, asked } = await serveSample(line, file)
    const { certificateChain } = collateral.amd
    const known = { amd: { certificateChain } }
    const report = evidence.report.slice()
    report[0x90]! ^= 1
    const forged = { tee: 'sev-snp', report } as const
    expect(await fetcher.fetch(forged, { ...given(now), known })).toMatchObject({ kind: 'refused' })
    expect(asked).toEqual([])
    const answer = await fetcher.fetch(evidence, { ...given(now), known })
    expect(asked).toEqual([`GET /vcek/v1/${line}/crl`])
    expect(answer).toMatchObject({
      collateral: { amd: { certificateChain, crl: collateral.amd.crl } },
    })
  },
)

test.skipIf(!hasEvidence(0))('VCEKs of two chips are asked for ten seconds apart', async () => {
  const { evidence, now, file } = readSample(name)
  if (evidence.tee !== 'sev-snp') throw new Error('Not a report')
  const { fetcher, clock } = await serveSample(line, file)
  await fetcher.fetch(evidence, given(now))
  const report = evidence.report.slice()
  report[0x1a0]! ^= 1 // The chip id.
  const other = await fetcher.fetch({ tee: 'sev-snp', report }, given(now))
  expect(other).toMatchObject({ kind: 'refused', appraisal: { reject: 'CERT_MISMATCH' } })
  expect(clock.waits.filter((ms) => ms > 5_000).length).toBe(1)
})

test.skipIf(!hasEvidence(0))(
  'a report that AMD has no certificate for says what to do',
  async () => {
    const vlek = readSample('snp/coco-milan-vlek')
    const fetcher = new CollateralFetcher({ amd: { url: 'http://127.0.0.1:9' } })
    await expect(fetcher.fetch(vlek.evidence, given(vlek.now))).rejects.toMatchObject({
      code: 'collateral-not-served',
      message: expect.stringContaining('VLEK'),
    })
    const old = readSample('snp/google-milan-v2-real-crl')
    await expect(fetcher.fetch(old.evidence, { anchors, now: old.now })).rejects.toMatchObject({
      code: 'collateral-not-served',
      message: expect.stringContaining('name Milan, Genoa or Turin'),
    })
  },
)
