import { createHash, createPublicKey } from 'node:crypto'
import {
  appraise,
  deviceKeyAnchor,
  deviceKeySha256,
  encodeDeviceKey,
  insecureDevnetAnchor,
  isAccepted,
  strictPolicy,
  type Evidence,
} from '@cloister/attest'
import { encodeHex, unixSeconds } from '@cloister/codec'
import { createCcaPlatform, createPsaDevice } from '../src/index.ts'
import { expect, test } from 'vitest'

const seed = new Uint8Array(32).fill(6)
const deviceSeed = new Uint8Array(16)
const device = createPsaDevice(seed, { deviceSeed })
const platform = createCcaPlatform(seed, { deviceSeed })
const nonce = new Uint8Array(64).fill(9)

const strict = strictPolicy({
  measurements: 'any',
  reportData: 'any',
  machineIds: 'any',
})

function judge(evidence: Evidence, from = [device, platform]) {
  const deviceKeys = from.map(({ deviceKey }) => deviceKey)
  const anchors = from.map(({ keySpkiSha256 }) => insecureDevnetAnchor(keySpkiSha256))
  const given = { collateral: { deviceKeys }, anchors, policy: strict, now: unixSeconds(0) }
  return appraise(evidence, given)
}

test('tokens of every profile are accepted under a devnet anchor of their device', async () => {
  for (const profile of [
    'tag:psacertified.org,2023:psa#tfm',
    'http://arm.com/psa/2.0.0',
    'PSA_IOT_PROFILE_1',
  ] as const)
    expect(
      isAccepted(await judge({ tee: 'arm-psa', token: device.token({ nonce, profile }) })),
    ).toBe(true)
  for (const profile of ['older', 'newer'] as const) {
    const token = platform.token({ challenge: nonce, profile })
    expect(isAccepted(await judge({ tee: 'arm-cca', token }))).toBe(true)
  }
})

test('a device key is what Node makes of it, and an instance id its digest', async () => {
  for (const { deviceKey, keySpkiSha256, instanceId } of [device, platform]) {
    const key = createPublicKey({ format: 'jwk', key: encodeDeviceKey(deviceKey) })
    const spki = key.export({ format: 'der', type: 'spki' })
    expect(createHash('sha256').update(spki).digest('hex')).toBe(keySpkiSha256)
    expect(await deviceKeySha256(deviceKey)).toBe(keySpkiSha256)
    const point = deviceKey.kind === 'ec' ? deviceKey.point : new Uint8Array(0)
    const digest = createHash('sha256').update(Uint8Array.of(4)).update(point).digest('hex')
    expect(encodeHex(instanceId)).toBe(`01${digest}`)
  }
})

test('devices follow from both seeds', () => {
  const name = (from: Uint8Array<ArrayBuffer>, own: Uint8Array<ArrayBuffer>) =>
    createPsaDevice(from, { deviceSeed: own }).keySpkiSha256
  expect(name(seed, deviceSeed)).toBe(device.keySpkiSha256)
  expect(name(new Uint8Array(32), deviceSeed)).not.toBe(device.keySpkiSha256)
  expect(name(seed, new Uint8Array(17))).not.toBe(device.keySpkiSha256)
  expect(platform.keySpkiSha256).not.toBe(device.keySpkiSha256)
})

test('every state of life, another instance id, a MAC and another realm are there on demand', async () => {
  for (const lifecycle of [0x0000, 0x1000, 0x2000, 0x4000, 0x5000, 0x6000]) {
    const open = createCcaPlatform(seed, { deviceSeed, lifecycle })
    const token = open.token({ challenge: nonce })
    expect(await judge({ tee: 'arm-cca', token }, [open])).toMatchObject({
      reasons: [{ code: 'DEBUG' }, { code: 'LIFECYCLE' }],
    })
  }
  const renamed = createPsaDevice(seed, { deviceSeed, instanceId: new Uint8Array(33).fill(1) })
  expect(await judge({ tee: 'arm-psa', token: renamed.token({ nonce }) })).toMatchObject({
    reasons: [{ code: 'INSTANCE_ID' }],
  })
  expect(await judge({ tee: 'arm-psa', token: device.macToken({ nonce }) })).toMatchObject({
    reject: 'SYMMETRIC_TOKEN_NOT_SUPPORTED',
  })
  const mismatched = platform.token({ challenge: nonce, binding: 'mismatched' })
  expect(await judge({ tee: 'arm-cca', token: mismatched })).toMatchObject({
    reject: 'REALM_PLATFORM_BINDING',
  })
})

test('a device anchor pins one device and no other', async () => {
  const other = createPsaDevice(seed, { deviceSeed: new Uint8Array(16).fill(1) })
  const given = {
    collateral: { deviceKeys: [other.deviceKey] },
    anchors: [deviceKeyAnchor(device.keySpkiSha256, 'arm-psa')],
    policy: strict,
    now: unixSeconds(0),
  }
  expect(await appraise({ tee: 'arm-psa', token: other.token({ nonce }) }, given)).toMatchObject({
    reasons: [{ code: 'ENDORSEMENT' }],
  })
})
