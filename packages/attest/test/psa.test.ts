import {
  appraise,
  deviceKeyAnchor,
  insecureDevnetAnchor,
  isAccepted,
  tierOf,
} from '@cloister/attest'
import { encodeCbor, encodeHex, type Cbor } from '@cloister/codec'
import { createPsaDevice } from '@cloister/emulator'
import { expect, test } from 'vitest'
import { changed, claimsOf, device, given, platform } from './arm-tokens.ts'
import { anyPolicy } from './evidence.ts'

const bytes = (size: number, fill = 7) => new Uint8Array(size).fill(fill)
const nonce = bytes(32)
const judge = (token: Uint8Array<ArrayBuffer>, overrides = {}) =>
  appraise({ tee: 'arm-psa', token }, given(overrides))

const genuine = claimsOf(device.token({ nonce }))
const older = claimsOf(device.token({ nonce, profile: 'PSA_IOT_PROFILE_1' }))
const tokenWith = (changes: Readonly<Record<number, Cbor>>, claims = genuine) =>
  device.signPayload(encodeCbor(changed(claims, changes)))
const component = (changes: Readonly<Record<number, Cbor>>) =>
  changed(
    new Map<number, Cbor>([
      [2, bytes(32)],
      [5, bytes(32)],
    ]),
    changes,
  )

test.for([
  'tag:psacertified.org,2023:psa#tfm',
  'http://arm.com/psa/2.0.0',
  'PSA_IOT_PROFILE_1',
] as const)('a token of profile %s is accepted', async (profile) => {
  for (const size of [32, 48, 64]) {
    const appraisal = await judge(device.token({ nonce: bytes(size), profile }))
    expect(isAccepted(appraisal)).toBe(true)
    expect(appraisal).toMatchObject({
      until: 253_402_300_799,
      claims: { profile, reportData: encodeHex(bytes(size)), lifecycle: { state: 'secured' } },
    })
  }
})

test.for<readonly [string, Readonly<Record<number, Cbor>>, string]>([
  ['no nonce', { 10: 'absent' }, 'nonce'],
  ['a nonce of 33 bytes', { 10: bytes(33) }, 'nonce'],
  ['no instance id', { 256: 'absent' }, 'instance id'],
  ['an instance id of 32 bytes', { 256: bytes(32, 1) }, 'instance id'],
  ['an instance id of another type', { 256: bytes(33, 2) }, 'instance id'],
  ['no implementation id', { 2396: 'absent' }, 'implementation id'],
  ['an implementation id of 33 bytes', { 2396: bytes(33) }, 'implementation id'],
  ['no client id', { 2394: 'absent' }, 'client id'],
  ['a client id past 31 bits', { 2394: 2 ** 31 }, 'client id'],
  ['no lifecycle', { 2395: 'absent' }, 'lifecycle'],
  ['a lifecycle without a name', { 2395: 0x3100 }, 'lifecycle'],
  ['a lifecycle past 16 bits', { 2395: 0x13000 }, 'lifecycle'],
  ['a boot seed of 7 bytes', { 2397: bytes(7) }, 'boot seed'],
  ['a boot seed of 33 bytes', { 2397: bytes(33) }, 'boot seed'],
  ['a certification reference of 13 digits', { 2398: '0'.repeat(13) }, 'certification reference'],
  ['no software components', { 2399: 'absent' }, 'software components'],
  ['an empty list of components', { 2399: [] }, 'software components'],
  [
    '65 components',
    { 2399: Array.from({ length: 65 }, () => component({})) },
    'software components',
  ],
  ['no measurement', { 2399: [component({ 2: 'absent' })] }, 'software component 1 measurement'],
  [
    'a measurement of 20 bytes',
    { 2399: [component({ 2: bytes(20) })] },
    'software component 1 measurement',
  ],
  ['no signer', { 2399: [component({ 5: 'absent' })] }, 'software component 1 signer id'],
  ['a type as bytes', { 2399: [component({ 1: bytes(3) })] }, 'software component 1 type'],
  ['an empty verification service', { 2400: '' }, 'verification service'],
  ['no profile', { 265: 'absent' }, 'profile'],
])('%s is malformed', async ([, changes, name]) => {
  expect(await judge(tokenWith(changes))).toMatchObject({
    authentic: false,
    reject: 'PARSE',
    at: { field: `token ${name}` },
  })
})

test.for<readonly [string, Readonly<Record<number, Cbor>>]>([
  ['a boot seed of 8 bytes', { 2397: bytes(8) }],
  ['no boot seed', { 2397: 'absent' }],
  ['no certification reference', { 2398: 'absent' }],
  ['no verification service', { 2400: 'absent' }],
  ['a client id in the secure environment', { 2394: -(2 ** 31) }],
  ['a component of measurement and signer alone', { 2399: [component({})] }],
  ['a claim that nobody knows', { 99: 'blue' }],
])('%s is accepted', async ([, changes]) => {
  expect(isAccepted(await judge(tokenWith(changes)))).toBe(true)
})

test('the older profile has claims of its own, and may say that nothing was measured', async () => {
  const accepted = async (changes: Readonly<Record<number, Cbor>>) =>
    isAccepted(await judge(tokenWith(changes, older)))
  expect(await accepted({ [-75000]: 'absent' })).toBe(true)
  expect(await accepted({ [-75005]: '0'.repeat(13) })).toBe(true)
  expect(await accepted({ [-75006]: 'absent', [-75007]: 1 })).toBe(true)
  expect(await accepted({ [-75006]: 'absent' })).toBe(false)
  expect(await accepted({ [-75006]: 'absent', [-75007]: 2 })).toBe(false)
  expect(await accepted({ [-75004]: 'absent' })).toBe(false)
})

test('a profile that is not known is another format', async () => {
  const refused = { authentic: false, reject: 'UNSUPPORTED_FORMAT' }
  expect(await judge(tokenWith({ 265: 'http://arm.com/psa/3.0.0' }))).toMatchObject(refused)
  expect(await judge(tokenWith({ [-75000]: 'PSA_IOT_PROFILE_2' }, older))).toMatchObject(refused)
})

test('a token with a MAC is not supported, whoever has the key', async () => {
  expect(await judge(device.macToken({ nonce }))).toMatchObject({
    reject: 'SYMMETRIC_TOKEN_NOT_SUPPORTED',
  })
})

test('a key that is not pinned is supplied, one on a devnet is tier 0', async () => {
  const token = device.token({ nonce })
  const supplied = await judge(token, { anchors: [] })
  expect(supplied).toMatchObject({
    authentic: true,
    claims: { endorsement: 'supplied', anchor: `supplied:${device.keySpkiSha256}` },
    reasons: [{ code: 'ENDORSEMENT' }],
  })
  const pinned = await judge(token)
  expect(pinned).toMatchObject({ claims: { anchor: `device-key:arm-psa:${device.keySpkiSha256}` } })
  const devnet = await judge(token, { anchors: [insecureDevnetAnchor(device.keySpkiSha256)] })
  expect(isAccepted(devnet)).toBe(true)
  if (devnet.authentic === false) throw new Error('It was accepted')
  expect(tierOf(devnet.claims, { machineLists: [] })).toBe(0)
})

test('a key that is pinned for other evidence is not pinned for a token', async () => {
  for (const tee of ['arm-cca', 'tpm2'] as const)
    expect(
      await judge(device.token({ nonce }), {
        anchors: [deviceKeyAnchor(device.keySpkiSha256, tee)],
      }),
    ).toMatchObject({ claims: { endorsement: 'supplied' }, reasons: [{ code: 'ENDORSEMENT' }] })
})

test('the key that signed is found among 32, and no more are tried', async () => {
  const token = device.token({ nonce })
  const others = Array.from({ length: 31 }, (_, index) =>
    createPsaDevice(new Uint8Array(32), { deviceSeed: bytes(16, index) }),
  ).map(({ deviceKey }) => deviceKey)
  const judgeBy = (deviceKeys: readonly object[]) => judge(token, { collateral: { deviceKeys } })
  expect(isAccepted(await judgeBy([...others, device.deviceKey]))).toBe(true)
  expect(await judgeBy(others)).toMatchObject({ reject: 'REPORT_SIGNATURE' })
  expect(await judgeBy([...others, platform.deviceKey, device.deviceKey])).toMatchObject({
    reject: 'PARSE',
  })
})

test('without a key nothing is known, not even the chain', async () => {
  for (const collateral of ['none', {}, { deviceKeys: [] }])
    expect(await judge(device.token({ nonce }), { collateral })).toMatchObject({
      authentic: false,
      reject: 'COLLATERAL_MISSING',
    })
})

test.for([
  [0x0000, 'unknown'],
  [0x10ff, 'assembly-and-test'],
  [0x2000, 'rot-provisioning'],
  [0x4000, 'non-rot-debug'],
  [0x5001, 'recoverable-rot-debug'],
  [0x6000, 'decommissioned'],
] as const)('a device in state %i is not secured: %s', async ([lifecycle, state]) => {
  const open = createPsaDevice(new Uint8Array(32), { deviceSeed: bytes(16), lifecycle })
  const overrides = {
    collateral: { deviceKeys: [open.deviceKey] },
    anchors: [deviceKeyAnchor(open.keySpkiSha256, 'arm-psa')],
  }
  const token = open.token({ nonce })
  const appraisal = await judge(token, overrides)
  expect(appraisal).toMatchObject({
    authentic: true,
    claims: { debug: true, lifecycle: { value: lifecycle, state } },
    reasons: [{ code: 'DEBUG' }, { code: 'LIFECYCLE' }],
  })
  const policy = anyPolicy({ allowDebug: true, arm: { allowUnsecuredLifecycle: true } })
  expect(isAccepted(await judge(token, { ...overrides, policy }))).toBe(true)
})

test('an instance id that is not of the key is a claim, and a reason unless it is let through', async () => {
  const token = tokenWith({ 256: bytes(33, 1) })
  expect(await judge(token)).toMatchObject({
    authentic: true,
    claims: { instanceIdOfKey: false, instanceId: '01'.repeat(33) },
    reasons: [{ code: 'INSTANCE_ID' }],
  })
  const policy = anyPolicy({ arm: { requireInstanceIdOfKey: false } })
  expect(isAccepted(await judge(token, { policy }))).toBe(true)
})

test('lists of firmware are not met by a device that measured none', async () => {
  const token = tokenWith({ [-75006]: 'absent', [-75007]: 1 }, older)
  expect(isAccepted(await judge(token))).toBe(true)
  for (const arm of [{ softwareSigners: [] }, { softwareMeasurements: ['aa'.repeat(32)] }])
    expect(await judge(token, { policy: anyPolicy({ arm }) })).toMatchObject({
      authentic: true,
      reasons: [{ code: 'MEASUREMENT', detail: 'software components', actual: 'none' }],
    })
})

test('a policy lists implementations, and signers and measurements of all firmware', async () => {
  const codes = async (arm: object) => {
    const appraisal = await judge(device.token({ nonce }), { policy: anyPolicy({ arm }) })
    return appraisal.authentic && appraisal.reasons.map(({ code }) => code)
  }
  const appraisal = await judge(device.token({ nonce }))
  if (appraisal.authentic === false) throw new Error('It is authentic')
  const { implementationId, softwareComponents } = appraisal.claims
  const measured = softwareComponents.map(({ measurement }) => measurement)
  expect(await codes({ implementationIds: [implementationId] })).toEqual([])
  expect(await codes({ implementationIds: [] })).toEqual(['PRODUCT_LINE'])
  expect(await codes({ softwareMeasurements: measured })).toEqual([])
  expect(await codes({ softwareMeasurements: measured.slice(1) })).toEqual(['MEASUREMENT'])
  expect(await codes({ softwareSigners: [softwareComponents[0]!.signerId] })).toEqual([])
  expect(await codes({ softwareSigners: [] })).toEqual(['MEASUREMENT', 'MEASUREMENT'])
})
