import { appraise, type Given } from '@cloister/attest'
import { concatBytes, unixSeconds, type Bytes } from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { readArmSample } from './arm-evidence.ts'
import { device, given, platform } from './arm-tokens.ts'
import { anyPolicy, hasEvidence } from './evidence.ts'

type Kind = 'arm-cca' | 'arm-psa'

const all = process.env['CLOISTER_EVERY_BIT'] === '1'
const challenge = new Uint8Array(64)
const emulated = [
  ['arm-cca', platform.token({ challenge, profile: 'newer' })],
  ['arm-cca', platform.token({ challenge, profile: 'older' })],
  ['arm-psa', device.token({ nonce: challenge })],
  ['arm-psa', device.token({ nonce: challenge, profile: 'PSA_IOT_PROFILE_1' })],
] as const

/** A random set of bits; all of them where CLOISTER_EVERY_BIT is 1. */
async function expectNoFlipAuthentic(tee: Kind, genuine: Bytes, by: Given): Promise<void> {
  expect(await appraise({ tee, token: genuine }, by)).toMatchObject({ authentic: true })
  const flip = async (bit: number) => {
    const forged = genuine.slice()
    forged[bit >> 3]! ^= 1 << (bit & 7)
    const { authentic } = await appraise({ tee, token: forged }, by)
    expect(authentic, `bit ${bit}`).toBe(false)
  }
  if (all) for (let bit = 0; bit < genuine.length * 8; bit++) await flip(bit)
  else
    await fc.assert(fc.asyncProperty(fc.nat({ max: genuine.length * 8 - 1 }), flip), {
      numRuns: 300,
    })
}

test.for(emulated)(
  'no flipped bit of an emulated %s token leaves it authentic',
  { timeout: 600_000 },
  async ([tee, token]) => {
    await expectNoFlipAuthentic(tee, token, given())
  },
)

test
  .skipIf(!hasEvidence(3))
  .for(['arm-cca/veraison-good', 'arm-cca/tf-rmm', 'arm-psa/veraison-iot-1'] as const)(
  'no flipped bit of %s leaves it authentic',
  { timeout: 600_000 },
  async (name) => {
    const { token, collateral } = readArmSample(name)
    const by = { collateral, anchors: [], policy: anyPolicy(), now: unixSeconds(0) }
    await expectNoFlipAuthentic(name.startsWith('arm-cca') ? 'arm-cca' : 'arm-psa', token, by)
  },
)

test.for(emulated)('every truncation of an %s token is refused as PARSE', async ([tee, token]) => {
  for (let size = 0; size < token.length; size += 3)
    expect(await appraise({ tee, token: token.slice(0, size) }, given())).toMatchObject({
      reject: 'PARSE',
    })
})

test.for(emulated)(
  'zeros after an %s token are padding, other bytes are not',
  async ([tee, token]) => {
    const padded = concatBytes(token, new Uint8Array(500))
    expect(await appraise({ tee, token: padded }, given())).toMatchObject({ authentic: true })
    padded[token.length + 400] = 1
    expect(await appraise({ tee, token: padded }, given())).toMatchObject({
      reject: 'PARSE',
      at: { offset: token.length + 400 },
    })
  },
)

test('any payload that a device signs is judged without a crash', async () => {
  const refused = { authentic: false, reject: 'PARSE' }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 1000 }), async (bytes) => {
      const payload = Uint8Array.from(bytes)
      const token = device.signPayload(payload)
      expect(await appraise({ tee: 'arm-psa', token }, given())).toMatchObject(refused)
      for (const part of ['platform', 'realm'] as const) {
        const both = platform.signPayload(part, payload)
        expect(await appraise({ tee: 'arm-cca', token: both }, given())).toMatchObject(refused)
      }
    }),
    { numRuns: 100 },
  )
})
