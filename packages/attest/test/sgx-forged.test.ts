import { appraise, createAppraiser, insecureDevnetAnchor, type Given } from '@cloister/attest'
import { concatBytes, unixSeconds, type Bytes } from '@cloister/codec'
import { createManufacturer } from '@cloister/emulator'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyPolicy, hasEvidence, intel, readSample } from './evidence.ts'

const issued = unixSeconds(1_790_000_000)
const manufacturer = createManufacturer({ seed: new Uint8Array(32).fill(0x5e), now: issued })
const platform = manufacturer.createPlatform({ machineSeed: new Uint8Array(16).fill(1) })
const given: Given = {
  collateral: { intel: manufacturer.collateral({ tee: 'sgx' }) },
  anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)],
  policy: anyPolicy(),
  now: unixSeconds(issued + 60),
}
const identity = new Uint8Array(32)
const emulated = (version: 3 | 4 | 5) =>
  platform.quoteEnclave({
    mrEnclave: identity,
    mrSigner: identity,
    reportData: new Uint8Array(64),
    version,
  })

async function expectNoFlipAuthentic(quote: Bytes, under: Given): Promise<void> {
  const { appraise: warm } = createAppraiser()
  expect(await warm({ tee: 'sgx', quote }, under)).toMatchObject({ authentic: true })
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: quote.length * 8 - 1 }), async (bit) => {
      const forged = quote.slice()
      forged[bit >> 3]! ^= 1 << (bit & 7)
      const appraisal = await warm({ tee: 'sgx', quote: forged }, under)
      expect(appraisal.authentic, `bit ${bit}`).toBe(false)
    }),
    { numRuns: 600 },
  )
}

test.for([3, 4, 5] as const)('no flipped bit of a quote of version %i leaves it authentic', (v) =>
  expectNoFlipAuthentic(emulated(v), given),
)

test.skipIf(!hasEvidence(1))('no flipped bit of a real quote leaves it authentic', async () => {
  const sample = readSample('sgx/phala-processor-ca-202507-ConfigurationAndSWHardeningNeeded')
  const { collateral, verifyAt: now } = sample
  await expectNoFlipAuthentic(sample.quote, {
    collateral,
    anchors: intel,
    policy: anyPolicy(),
    now: now!,
  })
})

test('every truncation is refused as PARSE, zeros behind a quote are padding, anything else is not', async () => {
  const quote = emulated(3)
  const { appraise: warm } = createAppraiser()
  for (let size = 0; size < quote.length; size += 11)
    expect(await warm({ tee: 'sgx', quote: quote.slice(0, size) }, given)).toMatchObject({
      reject: 'PARSE',
    })
  const padded = concatBytes(quote, new Uint8Array(3000))
  expect(await warm({ tee: 'sgx', quote: padded }, given)).toMatchObject({ authentic: true })
  padded[quote.length + 1234] = 1
  expect(await warm({ tee: 'sgx', quote: padded }, given)).toMatchObject({
    reject: 'PARSE',
    at: { field: 'padding', offset: quote.length + 1234 },
  })
})

test('each technology refuses the quotes and bodies of the other', async () => {
  const register = new Uint8Array(48)
  const rtmrs = [register, register, register, register] as const
  const td = platform.quote({ mrtd: register, rtmrs, reportData: new Uint8Array(64), version: 5 })
  expect(await appraise({ tee: 'sgx', quote: td }, given)).toMatchObject({
    reject: 'UNSUPPORTED_FORMAT',
    at: { field: 'TEE type', offset: 4 },
  })
  expect(await appraise({ tee: 'tdx', quote: emulated(5) }, given)).toMatchObject({
    reject: 'UNSUPPORTED_FORMAT',
    at: { field: 'TEE type', offset: 4 },
  })
  td[4] = 0 // An SGX header before a TD's body.
  expect(await appraise({ tee: 'sgx', quote: td }, given)).toMatchObject({
    reject: 'UNSUPPORTED_FORMAT',
    at: { field: 'body type', offset: 48 },
  })
  expect(await appraise({ tee: 'tdx', quote: emulated(3) }, given)).toMatchObject({
    reject: 'UNSUPPORTED_FORMAT',
    at: { field: 'version', offset: 0 },
  })
})
