import {
  appraise,
  createAppraiser,
  isAccepted,
  parseCollateral,
  parseTdxQuote,
  type Given,
} from '@cloister/attest'
import { concatBytes, type Bytes } from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyPolicy, hasEvidence, intel, intelTexts, readSample } from './evidence.ts'
import { emulated } from './vectors.ts'

const here = hasEvidence(2)

async function expectNoFlipAuthentic(quote: Bytes, given: Given, runs: number): Promise<void> {
  const { appraise: warm } = createAppraiser()
  expect(isAccepted(await warm({ tee: 'tdx', quote }, given))).toBe(true)
  const { size } = parseTdxQuote(quote)
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: size * 8 - 1 }), async (bit) => {
      const forged = quote.slice()
      forged[bit >> 3]! ^= 1 << (bit & 7)
      const appraisal = await warm({ tee: 'tdx', quote: forged }, given)
      expect(appraisal.authentic, `bit ${bit}`).toBe(false)
    }),
    { numRuns: runs },
  )
}

test.for(['up-to-date', 'up-to-date-v5'])(
  'no flipped bit of %s leaves it authentic',
  async (name) => {
    const { quote, given } = emulated(name)
    await expectNoFlipAuthentic(quote, given, 600)
  },
)

test.skipIf(!here).for(['tdx/google-v5-202603-UpToDate', 'tdx/phala-near-emr-202509-UpToDate'])(
  'no flipped bit of %s leaves it authentic',
  async (name) => {
    const { quote, collateral, verifyAt } = readSample(name)
    const given: Given = { collateral, anchors: intel, policy: anyPolicy(), now: verifyAt! }
    await expectNoFlipAuthentic(quote, given, 600)
  },
)

test('no flipped character of the collateral leaves a quote accepted with other claims', async () => {
  const { quote, given } = emulated('up-to-date')
  const genuine = await appraise({ tee: 'tdx', quote }, given)
  const texts = intelTexts(given.collateral)
  const keys = fc.constantFrom(...Object.keys(texts))
  await fc.assert(
    fc.asyncProperty(keys, fc.nat(), fc.integer({ min: 0, max: 6 }), async (key, at, bit) => {
      const text = texts[key]!
      const index = at % text.length
      const flipped = String.fromCharCode(text.charCodeAt(index) ^ (1 << bit))
      const forged = text.slice(0, index) + flipped + text.slice(index + 1)
      const appraisal = await appraise(
        { tee: 'tdx', quote },
        { ...given, collateral: parseCollateral(JSON.stringify({ ...texts, [key]: forged })) },
      )
      // Hexadecimal is read in either case: there, and only there, the bytes are the same.
      if (appraisal.authentic !== false) {
        expect(forged.toLowerCase()).toBe(text.toLowerCase())
        expect(appraisal).toEqual(genuine)
      }
    }),
    { numRuns: 500 },
  )
})

test('zeros after a quote are padding, anything else is not', async () => {
  const { quote, given } = emulated('up-to-date')
  const padded = concatBytes(quote, new Uint8Array(3000))
  expect(isAccepted(await appraise({ tee: 'tdx', quote: padded }, given))).toBe(true)
  padded[quote.length + 1234] = 1
  expect(await appraise({ tee: 'tdx', quote: padded }, given)).toMatchObject({
    authentic: false,
    reject: 'PARSE',
    where: `Cannot read padding at byte ${quote.length + 1234}: bytes after the quote are not zero`,
  })
})

test('every truncation of a quote is refused as PARSE', async () => {
  const { quote, given } = emulated('up-to-date')
  const { appraise: warm } = createAppraiser()
  for (let size = 0; size < quote.length; size += 7)
    expect(await warm({ tee: 'tdx', quote: quote.slice(0, size) }, given)).toMatchObject({
      authentic: false,
      reject: 'PARSE',
    })
})

test('random bytes behind a genuine header neither crash nor pass', async () => {
  const { quote, given } = emulated('up-to-date')
  const { appraise: warm } = createAppraiser()
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 6000 }), async (tail) => {
      const forged = concatBytes(quote.subarray(0, 632), tail)
      expect((await warm({ tee: 'tdx', quote: forged }, given)).authentic).toBe(false)
    }),
    { numRuns: 200 },
  )
})

test('evidence past 64 KiB is refused before it is read', async () => {
  const { quote, given } = emulated('up-to-date')
  const forged = concatBytes(quote, new Uint8Array(64 * 1024 + 1 - quote.length))
  expect(await appraise({ tee: 'tdx', quote: forged }, given)).toMatchObject({
    reject: 'PARSE',
    where: 'Cannot read quote at byte 0: 65537 bytes, at most 65536 are read',
  })
})
