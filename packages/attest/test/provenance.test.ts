import { createHash } from 'node:crypto'
import {
  appraisePsa,
  appraiseProvenance,
  insecureDevnetAnchor,
  isAccepted,
  provenanceNonce,
} from '@cloister/attest'
import { encodeHex } from '@cloister/codec'
import { createTpmManufacturer } from '@cloister/emulator'
import { expect, test } from 'vitest'
import { device, given } from './arm-tokens.ts'
import { anyPolicy } from './evidence.ts'

const asset = new Uint8Array(createHash('sha256').update('data of a device').digest())

test("a device signs SHA-256 of a domain and the asset's digest", async () => {
  const expected = createHash('sha256')
    .update('cloister/provenance/1\0')
    .update(asset)
    .digest('hex')
  expect(encodeHex(await provenanceNonce(asset))).toBe(expected)
  await expect(provenanceNonce(asset.subarray(1))).rejects.toThrow('Cannot read asset digest')
})

test('a token over an asset is evidence of this asset, and of no other', async () => {
  const token = device.token({ nonce: await provenanceNonce(asset) })
  const evidence = { tee: 'arm-psa', token } as const
  // What the policy says of report data gives way.
  const by = given({ policy: anyPolicy({ reportData: 'ff' }) })
  expect(isAccepted(await appraiseProvenance(evidence, asset, by))).toBe(true)
  const other = asset.slice()
  other[0]! ^= 1
  expect(await appraiseProvenance(evidence, other, by)).toMatchObject({
    authentic: true,
    reasons: [{ code: 'REPORT_DATA' }],
  })
})

test('a token over the bare digest is no evidence of the asset', async () => {
  const evidence = { tee: 'arm-psa', token: device.token({ nonce: asset }) } as const
  expect(await appraiseProvenance(evidence, asset, given())).toMatchObject({
    reasons: [{ code: 'REPORT_DATA' }],
  })
  const policy = anyPolicy({ reportData: encodeHex(asset) })
  expect(isAccepted(await appraisePsa(evidence, given({ policy })))).toBe(true)
})

test("a TPM's quote over an asset is evidence of this asset, and of no other", async () => {
  const manufacturer = createTpmManufacturer({ seed: new Uint8Array(32).fill(2) })
  const tpm = manufacturer.createTpm({ tpmSeed: new Uint8Array(16) })
  const evidence = tpm.evidence({ nonce: await provenanceNonce(asset) })
  const by = given({
    collateral: {},
    anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)],
  })
  expect(isAccepted(await appraiseProvenance(evidence, asset, by))).toBe(true)
  const bare = tpm.evidence({ nonce: asset })
  expect(await appraiseProvenance(bare, asset, by)).toMatchObject({
    authentic: true,
    reasons: [{ code: 'REPORT_DATA' }],
  })
  const quote = evidence.quote.slice()
  quote[quote.length - 1]! ^= 1
  expect(await appraiseProvenance({ ...evidence, quote }, asset, by)).toMatchObject({
    authentic: false,
    reject: 'QUOTE_SIGNATURE',
  })
})

test('all else that a policy wants holds here too', async () => {
  const token = device.token({ nonce: await provenanceNonce(asset) })
  expect(
    await appraiseProvenance({ tee: 'arm-psa', token }, asset, given({ anchors: [] })),
  ).toMatchObject({ reasons: [{ code: 'ENDORSEMENT' }] })
})
