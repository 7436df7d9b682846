import { afterAll, beforeAll, expect, test } from 'vitest'
import { serveCollateral, type CollateralService } from '../src/index.ts'
import { machineSeed, now, qvl, sampleRequest, testManufacturer } from './verifier.ts'

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

test.for([
  ['/sgx/certification/v4/pckcrl?ca=moon&encoding=der', 400],
  ['/tdx/certification/v4/tcb?fmspc=00806F050000', 404],
  ['/tdx/certification/v4/tcb', 404],
  ['/', 404],
  ['//', 400],
] as const)('%s is refused with %i and a reason', async ([path, status]) => {
  const response = await fetch(`${service.url}${path}`)
  expect(response.status).toBe(status)
  expect(await response.json()).toHaveProperty('error')
})

test('a port that is taken is named', async () => {
  const port = Number(new URL(service.url).port)
  await expect(serveCollateral(manufacturer, () => ({}), port)).rejects.toThrow(`127.0.0.1:${port}`)
})
