import { appraise, createAppraiser, isAccepted, type Given } from '@cloister/attest'
import { concatBytes, type Bytes } from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyPolicy, hasEvidence } from './evidence.ts'
import { enclave, given, now } from './nitro-documents.ts'
import { aws, readNitroSample } from './nitro-evidence.ts'

const all = process.env['CLOISTER_EVERY_BIT'] === '1'
const document = enclave.document({ now, userData: new Uint8Array(64) })

/** A random set of bits; all of them where CLOISTER_EVERY_BIT is 1. */
async function expectNoFlipAuthentic(genuine: Bytes, by: Given): Promise<void> {
  const { appraise: warm } = createAppraiser()
  expect(await warm({ tee: 'aws-nitro', document: genuine }, by)).toMatchObject({ authentic: true })
  const flip = async (bit: number) => {
    const forged = genuine.slice()
    forged[bit >> 3]! ^= 1 << (bit & 7)
    const appraisal = await warm({ tee: 'aws-nitro', document: forged }, by)
    expect(appraisal.authentic, `bit ${bit}`).toBe(false)
  }
  if (all) for (let bit = 0; bit < genuine.length * 8; bit++) await flip(bit)
  else
    await fc.assert(fc.asyncProperty(fc.nat({ max: genuine.length * 8 - 1 }), flip), {
      numRuns: 300,
    })
}

test(
  'no flipped bit of an emulated document leaves it authentic',
  { timeout: 600_000 },
  async () => {
    await expectNoFlipAuthentic(document, given())
  },
)

test.skipIf(!hasEvidence(2)).for(['dstack-a', 'evervault-beta-debug'])(
  'no flipped bit of %s leaves it authentic',
  { timeout: 600_000 },
  async (name) => {
    const sample = readNitroSample(name)
    const by = { collateral: {}, anchors: aws, policy: anyPolicy(), now: sample.now }
    await expectNoFlipAuthentic(sample.document, by)
  },
)

test('every truncation is refused as PARSE', async () => {
  for (let size = 0; size < document.length; size += 5)
    expect(
      await appraise({ tee: 'aws-nitro', document: document.slice(0, size) }, given()),
    ).toMatchObject({ reject: 'PARSE' })
})

test('zeros after a document are padding', async () => {
  const padded = concatBytes(document, new Uint8Array(2000))
  expect(isAccepted(await appraise({ tee: 'aws-nitro', document: padded }, given()))).toBe(true)
})

test('any payload that an enclave signs is judged without a crash', async () => {
  const { appraise: warm } = createAppraiser()
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (payload) => {
      const signed = enclave.signPayload(Uint8Array.from(payload))
      expect(await warm({ tee: 'aws-nitro', document: signed }, given())).toMatchObject({
        authentic: false,
        reject: 'PARSE',
      })
    }),
    { numRuns: 200 },
  )
})

test('evidence past 64 KiB is refused before it is read', async () => {
  const large = concatBytes(document, new Uint8Array(65_537 - document.length))
  expect(await appraise({ tee: 'aws-nitro', document: large }, given())).toMatchObject({
    reject: 'PARSE',
    where: 'Cannot read document at byte 0: 65537 bytes, at most 65536 are read',
  })
})
