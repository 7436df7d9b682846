import { createHash } from 'node:crypto'
import { appraise, deviceKeyAnchor, isAccepted } from '@cloister/attest'
import { CborTag, concatBytes, encodeCbor, encodeHex, type Bytes, type Cbor } from '@cloister/codec'
import { createCcaPlatform } from '@cloister/emulator'
import { expect, test } from 'vitest'
import { changed, claimsOf, device, given, partOf, platform, type Members } from './arm-tokens.ts'
import { anyPolicy } from './evidence.ts'

const bytes = (size: number, fill = 7) => new Uint8Array(size).fill(fill)
const challenge = bytes(64)
const judge = (token: Bytes, overrides = {}) =>
  appraise({ tee: 'arm-cca', token }, given(overrides))

const genuine = platform.token({ challenge })
const claims: Readonly<Record<'platform' | 'realm', Members>> = {
  platform: claimsOf(partOf(genuine, 'platform')),
  realm: claimsOf(partOf(genuine, 'realm')),
}
const tokenWith = (part: 'platform' | 'realm', changes: Readonly<Record<number, Cbor>>) =>
  platform.signPayload(part, encodeCbor(changed(claims[part], changes)))
const collection = (...members: readonly (readonly [number, Bytes])[]) =>
  encodeCbor(new CborTag(399, new Map(members)))

test.for(['older', 'newer'] as const)('a token of the %s profile is accepted', async (profile) => {
  const appraisal = await judge(platform.token({ challenge, profile }))
  expect(isAccepted(appraisal)).toBe(true)
  expect(appraisal).toMatchObject({
    until: 253_402_300_799,
    claims: {
      anchor: `device-key:arm-cca:${platform.keySpkiSha256}`,
      endorsement: 'pinned',
      reportData: encodeHex(challenge),
      platform: {
        profile:
          profile === 'older'
            ? 'http://arm.com/CCA-SSD/1.0.0'
            : 'tag:arm.com,2023:cca_platform#1.0.0',
      },
      realm: {
        publicKeyEncoding: profile === 'older' ? 'raw-uncompressed-point' : 'COSE_Key',
      },
    },
  })
})

test.for<readonly ['platform' | 'realm', string, Readonly<Record<number, Cbor>>, string]>([
  ['platform', 'no profile', { 265: 'absent' }, 'profile'],
  ['platform', 'no challenge', { 10: 'absent' }, 'challenge'],
  ['platform', 'a challenge of 33 bytes', { 10: bytes(33) }, 'challenge'],
  ['platform', 'no implementation id', { 2396: 'absent' }, 'implementation id'],
  ['platform', 'no instance id', { 256: 'absent' }, 'instance id'],
  ['platform', 'an instance id of another type', { 256: bytes(33, 2) }, 'instance id'],
  ['platform', 'no config', { 2401: 'absent' }, 'config'],
  ['platform', 'a config of 1025 bytes', { 2401: bytes(1025) }, 'config'],
  ['platform', 'no lifecycle', { 2395: 'absent' }, 'lifecycle'],
  ['platform', 'a lifecycle without a name', { 2395: 0x7000 }, 'lifecycle'],
  ['platform', 'no hash algorithm', { 2402: 'absent' }, 'hash algorithm'],
  ['platform', 'no software components', { 2399: 'absent' }, 'software components'],
  ['platform', 'a component that is text', { 2399: ['RMM'] }, 'software component 1'],
  ['platform', 'a service as bytes', { 2400: bytes(1) }, 'verification service'],
  ['realm', 'no challenge', { 10: 'absent' }, 'challenge'],
  ['realm', 'a challenge of 32 bytes', { 10: bytes(32) }, 'challenge'],
  ['realm', 'a short personalisation value', { 44235: bytes(63) }, 'personalisation value'],
  ['realm', 'no hash algorithm', { 44236: 'absent' }, 'hash algorithm'],
  ['realm', 'no key', { 44237: 'absent' }, 'public key'],
  ['realm', 'a point of 96 bytes', { 44237: bytes(96, 4) }, 'public key'],
  ['realm', 'no initial measurement', { 44238: 'absent' }, 'initial measurement'],
  [
    'realm',
    'three extensible measurements',
    { 44239: Array.from({ length: 3 }, () => bytes(32)) },
    'extensible measurements',
  ],
  [
    'realm',
    'an extensible measurement of another length',
    { 44239: [32, 32, 32, 64].map((size) => bytes(size)) },
    'extensible measurement 3',
  ],
  ['realm', 'another hash of the key', { 44240: 'sha-1' }, 'public key hash algorithm'],
  [
    'realm',
    'a hash named like an object member',
    { 44240: 'constructor' },
    'public key hash algorithm',
  ],
])('%s token: %s is malformed', async ([part, , changes, name]) => {
  expect(await judge(tokenWith(part, changes))).toMatchObject({
    authentic: false,
    reject: 'PARSE',
    at: { field: `${part} token ${name}` },
  })
})

test('profiles that are not known are other formats', async () => {
  for (const part of ['platform', 'realm'] as const)
    expect(await judge(tokenWith(part, { 265: 'tag:arm.com,2030:x' }))).toMatchObject({
      reject: 'UNSUPPORTED_FORMAT',
    })
})

test('a platform token that was made for another realm is refused', async () => {
  expect(await judge(platform.token({ challenge, binding: 'mismatched' }))).toMatchObject({
    authentic: false,
    reject: 'REALM_PLATFORM_BINDING',
  })
})

test('a realm from another platform is refused, whole or in parts', async () => {
  const other = createCcaPlatform(new Uint8Array(32), { deviceSeed: bytes(16) })
  const foreign = other.token({ challenge })
  expect(await judge(foreign)).toMatchObject({
    reject: 'REPORT_SIGNATURE',
    where: 'platform token: not signed by any of 2 device keys',
  })
  const mixed = collection([44234, partOf(genuine, 'platform')], [44241, partOf(foreign, 'realm')])
  expect(await judge(mixed)).toMatchObject({ reject: 'REALM_PLATFORM_BINDING' })
})

test('a realm token has to be signed by the key that it names', async () => {
  const foreign = claimsOf(
    partOf(
      createCcaPlatform(new Uint8Array(32), { deviceSeed: bytes(16) }).token({ challenge }),
      'realm',
    ),
  )
  expect(await judge(tokenWith('realm', { 44237: foreign.get(44237) }))).toMatchObject({
    reject: 'REPORT_SIGNATURE',
    where: 'realm token: not signed by the key that it names',
  })
})

test('nothing follows a token inside the collection, no zeros either', async () => {
  const [inner, realm] = [partOf(genuine, 'platform'), partOf(genuine, 'realm')]
  const padded = (token: Bytes) => concatBytes(token, new Uint8Array(2))
  for (const token of [
    collection([44234, padded(inner)], [44241, realm]),
    collection([44234, inner], [44241, padded(realm)]),
  ])
    expect(await judge(token)).toMatchObject({ authentic: false, reject: 'PARSE' })
})

test('a collection holds both tokens and nothing else', async () => {
  const both = [
    [44234, partOf(genuine, 'platform')],
    [44241, partOf(genuine, 'realm')],
  ] as const
  expect(isAccepted(await judge(collection(...both)))).toBe(true)
  const malformed = { authentic: false, reject: 'PARSE' }
  expect(await judge(collection(both[0]))).toMatchObject(malformed)
  expect(await judge(collection(both[1]))).toMatchObject(malformed)
  expect(await judge(collection(...both, [1, bytes(1)]))).toMatchObject(malformed)
  expect(await judge(encodeCbor(new Map(both)))).toMatchObject(malformed)
  expect(await judge(encodeCbor(new CborTag(398, new Map(both))))).toMatchObject(malformed)
})

test('a part with a MAC is not supported', async () => {
  const token = collection(
    [44234, device.macToken({ nonce: bytes(32) })],
    [44241, partOf(genuine, 'realm')],
  )
  expect(await judge(token)).toMatchObject({ reject: 'SYMMETRIC_TOKEN_NOT_SUPPORTED' })
})

test('a key that is pinned for other evidence is not pinned for a platform', async () => {
  for (const tee of ['arm-psa', 'tpm2'] as const)
    expect(
      await judge(genuine, { anchors: [deviceKeyAnchor(platform.keySpkiSha256, tee)] }),
    ).toMatchObject({ claims: { endorsement: 'supplied' }, reasons: [{ code: 'ENDORSEMENT' }] })
})

test('a platform that is not secured is debug', async () => {
  const open = createCcaPlatform(new Uint8Array(32), { deviceSeed: bytes(16), lifecycle: 0x4000 })
  const overrides = {
    collateral: { deviceKeys: [open.deviceKey] },
    anchors: [deviceKeyAnchor(open.keySpkiSha256, 'arm-cca')],
  }
  expect(await judge(open.token({ challenge }), overrides)).toMatchObject({
    authentic: true,
    claims: { debug: true, platform: { lifecycle: { value: 0x4000, state: 'non-rot-debug' } } },
    reasons: [{ code: 'DEBUG' }, { code: 'LIFECYCLE' }],
  })
})

test('a measurement is SHA-256 of its domain and of what runs in the realm', async () => {
  const measurements = [
    bytes(48, 1),
    bytes(48, 2),
    bytes(48, 3),
    bytes(48, 4),
    bytes(48, 5),
  ] as const
  const appraisal = await judge(platform.token({ challenge, measurements }))
  const expected = createHash('sha256')
    .update('cloister/measurement/arm-cca/1\0')
    .update(concatBytes(...measurements))
    .digest('hex')
  expect(appraisal).toMatchObject({ claims: { measurement: expected } })
})

test('a policy compares the challenge', async () => {
  const policy = anyPolicy({ reportData: '08'.repeat(64) })
  expect(await judge(genuine, { policy })).toMatchObject({ reasons: [{ code: 'REPORT_DATA' }] })
})

test('a platform may sign with ES256 or ES512', async () => {
  for (const curve of ['P-256', 'P-521'] as const) {
    const other = createCcaPlatform(new Uint8Array(32), { deviceSeed: bytes(16), curve })
    const overrides = {
      collateral: { deviceKeys: [other.deviceKey] },
      anchors: [deviceKeyAnchor(other.keySpkiSha256, 'arm-cca')],
    }
    const appraisal = await judge(other.token({ challenge }), overrides)
    expect(isAccepted(appraisal)).toBe(true)
  }
})
