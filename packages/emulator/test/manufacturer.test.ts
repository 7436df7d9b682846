import { X509Certificate } from 'node:crypto'
import { encodeHex } from '@cloister/codec'
import { expect, test } from 'vitest'
import { createManufacturer, type PlatformStatus } from '../src/index.ts'
import {
  machineSeed,
  now,
  qvl,
  sampleRequest,
  testManufacturer,
  underscored,
  verdict,
} from './verifier.ts'

const accepted: readonly PlatformStatus[] = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
]

test.for(accepted)('a third-party verifier reports %s where it was asked for', (tcb) => {
  const manufacturer = testManufacturer()
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1), tcb })
  for (const version of [4, 5] as const)
    expect(verdict(manufacturer, platform.quote(sampleRequest({ version })))).toBe(tcb)
})

test('a third-party verifier reads the registers and the machine that were asked for', () => {
  const manufacturer = testManufacturer()
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1) })
  const verifier = qvl.QuoteVerifier.newWithRootCa(Buffer.from(manufacturer.rootDer))
  const quote = Buffer.from(platform.quote(sampleRequest()))
  const { report, advisory_ids } = verifier.verify(
    quote,
    underscored(manufacturer.collateral()),
    now,
  )
  const text = JSON.stringify(report, (_, value) =>
    value instanceof Uint8Array
      ? encodeHex(value)
      : value?.type === 'Buffer'
        ? encodeHex(Uint8Array.from(value.data))
        : value,
  )
  for (const byte of ['a0', 'b0', 'b1', 'b2', 'b3']) expect(text).toContain(byte.repeat(48))
  expect(text).toContain('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
  expect(advisory_ids).toEqual([])
})

test('no emulated quote is accepted under the root of Intel', () => {
  const manufacturer = testManufacturer()
  const quote = manufacturer.createPlatform({ machineSeed: machineSeed(1) }).quote(sampleRequest())
  const verify = () =>
    qvl.QuoteVerifier.newProd().verify(
      Buffer.from(quote),
      underscored(manufacturer.collateral()),
      now,
    )
  expect(verify).toThrow('Failed to verify certificate chain')
})

test('no quote of one manufacturer is accepted under the root of another', () => {
  const other = createManufacturer({ seed: new Uint8Array(32).fill(1), now })
  const quote = testManufacturer()
    .createPlatform({ machineSeed: machineSeed(1) })
    .quote(sampleRequest())
  expect(verdict(other, quote)).toContain('Failed to verify certificate chain')
})

test('revoked levels, machines below every level, and revoked machines are refused', () => {
  const manufacturer = testManufacturer()
  const of = (options: object) =>
    verdict(
      manufacturer,
      manufacturer
        .createPlatform({ machineSeed: machineSeed(2), ...options })
        .quote(sampleRequest()),
    )
  expect(of({ tcb: 'Revoked' })).toBe('TCB status is invalid: Revoked')
  expect(of({ tcb: 'NotSupported' })).toBe('No matching TCB level found')
  expect(of({ quotingEnclave: 'Revoked' })).toBe('TCB status is invalid: Revoked')
  expect(of({ quotingEnclave: 'OutOfDate' })).toBe('OutOfDate')
  expect(of({ revoked: true })).toBe('Certificate is revoked')
})

test('a machine is accepted until it is revoked, and others stay accepted', () => {
  const manufacturer = testManufacturer()
  const [stolen, sound] = [1, 2].map((number) =>
    manufacturer.createPlatform({ machineSeed: machineSeed(number) }),
  )
  expect(verdict(manufacturer, stolen!.quote(sampleRequest()))).toBe('UpToDate')
  manufacturer.revoke(stolen!)
  expect(verdict(manufacturer, stolen!.quote(sampleRequest()))).toBe('Certificate is revoked')
  expect(verdict(manufacturer, sound!.quote(sampleRequest()))).toBe('UpToDate')
})

test('debug TDs and TDs without SEPT_VE_DISABLE are refused', () => {
  const manufacturer = testManufacturer()
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1) })
  expect(verdict(manufacturer, platform.quote(sampleRequest({ debug: true })))).toBe(
    'Debug mode is enabled',
  )
  expect(verdict(manufacturer, platform.quote(sampleRequest({ tdAttributes: 0n })))).toBe(
    'SEPT_VE_DISABLE is not enabled',
  )
})

test('collateral is valid for thirty days and no longer', () => {
  const manufacturer = testManufacturer()
  const quote = manufacturer.createPlatform({ machineSeed: machineSeed(1) }).quote(sampleRequest())
  const day = 86_400
  expect(verdict(manufacturer, quote, now + 30 * day)).toBe('UpToDate')
  expect(verdict(manufacturer, quote, now + 30 * day + 1)).toBe('TCBInfo expired')
  expect(verdict(manufacturer, quote, now - 1)).toBe('TCBInfo issue date is in the future')
})

test('one flipped bit anywhere in the signed bytes is refused', () => {
  const manufacturer = testManufacturer()
  const quote = manufacturer.createPlatform({ machineSeed: machineSeed(1) }).quote(sampleRequest())
  for (const offset of [60, 184, 376, 520, 568, 631, 640, 702, 780, 1160]) {
    const forged = quote.slice()
    forged[offset]! ^= 1
    expect(verdict(manufacturer, forged)).not.toBe('UpToDate')
  }
})

test('keys, ids and serial numbers follow from the seeds; machines differ', () => {
  const [one, two] = [testManufacturer(), testManufacturer()]
  expect(one.anchorSpkiSha256).toBe(two.anchorSpkiSha256)
  const a = one.createPlatform({ machineSeed: machineSeed(1) })
  const again = two.createPlatform({ machineSeed: machineSeed(1) })
  const b = one.createPlatform({ machineSeed: machineSeed(2) })
  expect(again.ppid).toEqual(a.ppid)
  expect(again.pckSerial).toEqual(a.pckSerial)
  expect(b.ppid).not.toEqual(a.ppid)
  // A quote made before a restart is judged by collateral issued after it.
  expect(verdict(two, a.quote(sampleRequest()))).toBe('UpToDate')
})

test("every certificate and quote says that it is the emulator's", () => {
  const manufacturer = testManufacturer()
  const quote = manufacturer.createPlatform({ machineSeed: machineSeed(1) }).quote(sampleRequest())
  const text = Buffer.from(quote).toString('latin1')
  const chain = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  expect(chain).toHaveLength(3)
  for (const pem of chain) {
    const { subject, issuer } = new X509Certificate(pem)
    expect(subject).toContain('O=Cloister Emulator (insecure development root)')
    expect(issuer).toContain('CN=Cloister Emulator SGX')
  }
  expect(text.slice(28, 45)).toBe('CLOISTER EMULATOR')
})
