import { afterAll, beforeAll, expect, test } from 'vitest'
import { serveCollateral, type CollateralService } from '../src/index.ts'
import {
  machineSeed,
  now,
  qvl,
  sampleEnclave,
  sampleRequest,
  testManufacturer,
} from './verifier.ts'

const manufacturer = testManufacturer()
let service: CollateralService

beforeAll(async () => {
  service = await serveCollateral(manufacturer)
})
afterAll(() => service.close())

test('a third-party client fetches collateral here and accepts a quote with it', async () => {
  const quote = Buffer.from(
    manufacturer.createPlatform({ machineSeed: machineSeed(1) }).quote(sampleRequest()),
  )
  const collateral = await qvl.getCollateral(service.url, quote)
  const verifier = qvl.QuoteVerifier.newWithRootCa(Buffer.from(manufacturer.rootDer))
  expect(verifier.verify(quote, collateral, now + 1).status).toBe('UpToDate')
})

test('a third-party client fetches collateral for an enclave of either authority', async () => {
  for (const ca of ['platform', 'processor'] as const) {
    const platform = manufacturer.createPlatform({ machineSeed: machineSeed(3), ca })
    const quote = Buffer.from(platform.quoteEnclave(sampleEnclave()))
    const collateral = await qvl.getCollateral(service.url, quote)
    const verifier = qvl.QuoteVerifier.newWithRootCa(Buffer.from(manufacturer.rootDer))
    expect(verifier.verify(quote, collateral, now + 1).status).toBe('UpToDate')
  }
})

test.for([
  ['/sgx/certification/v4/pckcrl?ca=moon&encoding=der', 400],
  ['/sgx/certification/v4/pckcrl?ca=platform&encoding=xml', 400],
  ['/tdx/certification/v4/tcb?fmspc=00806F050000', 404],
  ['/tdx/certification/v4/tcb', 400],
  ['/tdx/certification/v4/tcb?fmspc=C10157E00000&update=late', 400],
  ['/sgx/certification/v4/tcb?fmspc=C10157E00000&update=early&tcbEvaluationDataNumber=18', 400],
  ['/sgx/certification/v4/tcb?fmspc=C10157E00000&tcbEvaluationDataNumber=x', 400],
  ['/sgx/certification/v4/tcb?fmspc=C10157E00000&tcbEvaluationDataNumber=17', 410],
  ['/sgx/certification/v4/tcb?fmspc=C10157E00000&tcbEvaluationDataNumber=19', 404],
  ['/sgx/certification/v4/qe/identity?tcbEvaluationDataNumber=17', 410],
  ['/tdx/certification/v4/qe/identity?tcbEvaluationDataNumber=19', 404],
  ['/sgx/certification/v4/pckcert', 400],
  [`/sgx/certification/v4/pckcert?${asked({ qeid: '00' })}`, 400],
  [`/sgx/certification/v4/pckcert?${asked({ qeid: '00'.repeat(16) })}`, 404],
  [`/sgx/certification/v4/pckcert?${asked({ encrypted_ppid: '00'.repeat(384) })}`, 404],
  ['/tdx/certification/v4/pckcert', 404],
  ['/', 404],
  ['//', 400],
] as const)('%s is refused with %i and a reason', async ([path, status]) => {
  const response = await fetch(`${service.url}${path}`)
  expect(response.status).toBe(status)
  expect(await response.json()).toHaveProperty('error')
})

function asked(name: Readonly<Record<string, string>>, cpusvn = 'ff'.repeat(16)): string {
  return new URLSearchParams({ ...name, cpusvn, pcesvn: 'ff00', pceid: '0000' }).toString()
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('a PCK certificate is found by encrypted PPID and by QE id, for any TCB that reaches it', async () => {
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(4), ca: 'processor' })
  const { encryptedPpid, qeId, cpuSvn } = platform.names
  const path = '/sgx/certification/v4/pckcert?'
  for (const name of [{ encrypted_ppid: hex(encryptedPpid) }, { qeid: hex(qeId).toUpperCase() }]) {
    const response = await fetch(service.url + path + asked(name, hex(cpuSvn)))
    const issuers = decodeURIComponent(response.headers.get('SGX-PCK-Certificate-Issuer-Chain')!)
    expect((await response.text()) + issuers).toBe(platform.pckChainPem)
    expect(response.headers.get('SGX-TCBm')).toBe(`${hex(cpuSvn)}0d00`)
    expect(response.headers.get('SGX-FMSPC')).toBe('C10157E00000')
    expect(response.headers.get('SGX-PCK-Certificate-CA-Type')).toBe('processor')
  }
  const older = await fetch(service.url + path + asked({ qeid: hex(qeId) }, '00'.repeat(16)))
  expect(older.status).toBe(404)
})

test('an announced recovery is served early, by either parameter, and listed', async () => {
  const options = () => ({ earlyTcbEvaluationDataNumber: 20 })
  const announcing = await serveCollateral(manufacturer, options)
  const number = async (query: string) => {
    const path = `/sgx/certification/v4/tcb?fmspc=c10157e00000${query}`
    const response = await fetch(announcing.url + path)
    if (!response.ok) return response.status
    return JSON.parse(await response.text()).tcbInfo.tcbEvaluationDataNumber
  }
  expect(await number('')).toBe(18)
  expect(await number('&update=standard')).toBe(18)
  expect(await number('&update=early')).toBe(20)
  expect(await number('&tcbEvaluationDataNumber=20')).toBe(20)
  expect(await number('&tcbEvaluationDataNumber=19')).toBe(404)
  expect(await number('&tcbEvaluationDataNumber=21')).toBe(404)
  for (const tee of ['sgx', 'tdx']) {
    const response = await fetch(
      `${announcing.url}/${tee}/certification/v4/tcbevaluationdatanumbers`,
    )
    expect(response.headers.get('TCB-Evaluation-Data-Numbers-Issuer-Chain')).toContain('BEGIN')
    const { tcbEvaluationDataNumbers, signature } = JSON.parse(await response.text())
    expect(signature).toMatch(/^[0-9a-f]{128}$/)
    expect(tcbEvaluationDataNumbers.id).toBe(tee.toUpperCase())
    expect(
      tcbEvaluationDataNumbers.tcbEvalNumbers.map(
        (each: { tcbEvaluationDataNumber: number }) => each.tcbEvaluationDataNumber,
      ),
    ).toEqual([20, 18])
  }
  await announcing.close()
})

test('revocation lists are served in PEM, DER and hexadecimal', async () => {
  const get = async (path: string) => Buffer.from(await (await fetch(service.url + path)).bytes())
  const der = await get('/sgx/certification/v4/pckcrl?ca=processor&encoding=der')
  expect(der[0]).toBe(0x30)
  const pem = (await get('/sgx/certification/v4/pckcrl?ca=processor')).toString()
  expect(pem).toMatch(/^-----BEGIN X509 CRL-----\n[^-]+-----END X509 CRL-----\n$/)
  expect((await get('/sgx/certification/v4/rootcacrl')).toString()).toMatch(/^3082[0-9a-f]+$/)
  expect((await get('/IntelSGXRootCA.der'))[0]).toBe(0x30)
})

test('a port that is taken is named', async () => {
  const port = Number(new URL(service.url).port)
  await expect(serveCollateral(manufacturer, () => ({}), port)).rejects.toThrow(`127.0.0.1:${port}`)
})
