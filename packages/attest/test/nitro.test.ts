import {
  appraise,
  deviceKeyAnchor,
  insecureDevnetAnchor,
  isAccepted,
  nitroMeasurement,
} from '@cloister/attest'
import { encodeCbor, encodeHex, unixSeconds, type Bytes, type Cbor } from '@cloister/codec'
import { expect, test } from 'vitest'
import { certificate, signer, spkiSha256, type CertificateOptions } from './certificate-writer.ts'
import { anyPolicy } from './evidence.ts'
import { cloud, documentWith, enclave, genuineMembers, given, now } from './nitro-documents.ts'

const judge = (document: Bytes, overrides = {}) =>
  appraise({ tee: 'aws-nitro', document }, given(overrides))
const bytes = (size: number, fill = 7) => new Uint8Array(size).fill(fill)

test('a document signed anew with its members in another order is accepted', async () => {
  expect(isAccepted(await judge(documentWith({})))).toBe(true)
})

const pcrs = (...entries: readonly (readonly [number | string, Cbor])[]) =>
  new Map<number | string, Cbor>([[0, bytes(48)], [1, bytes(48)], [2, bytes(48)], ...entries])

const malformed: readonly (readonly [string, Readonly<Record<string, Cbor>>, string])[] = [
  ['no module_id', { module_id: 'absent' }, 'document module_id'],
  ['an empty module_id', { module_id: '' }, 'document module_id'],
  ['module_id as bytes', { module_id: bytes(4) }, 'document module_id'],
  ['no digest', { digest: 'absent' }, 'document digest'],
  ['another digest', { digest: 'SHA256' }, 'document digest'],
  ['no timestamp', { timestamp: 'absent' }, 'document timestamp'],
  ['timestamp 0', { timestamp: 0 }, 'document timestamp'],
  ['a negative timestamp', { timestamp: -1 }, 'document timestamp'],
  ['no pcrs', { pcrs: 'absent' }, 'document pcrs'],
  ['no PCR at all', { pcrs: new Map() }, 'document pcrs'],
  ['PCR 32', { pcrs: pcrs([32, bytes(48)]) }, 'document pcrs'],
  ['PCR -1', { pcrs: pcrs([-1, bytes(48)]) }, 'document pcrs'],
  ['a PCR under a name', { pcrs: pcrs(['3', bytes(48)]) }, 'document pcrs'],
  ['a PCR of 47 bytes', { pcrs: pcrs([3, bytes(47)]) }, 'document pcrs 3'],
  ['a PCR as text', { pcrs: pcrs([3, 'a']) }, 'document pcrs 3'],
  ['no PCR0', { pcrs: new Map([[1, bytes(48)]]) }, 'document pcrs 0'],
  ['PCR1 of another length', { pcrs: pcrs([1, bytes(64)]) }, 'document pcrs 1'],
  ['no certificate', { certificate: 'absent' }, 'document certificate'],
  ['an empty certificate', { certificate: bytes(0) }, 'document certificate'],
  ['a certificate of 1025 bytes', { certificate: bytes(1025) }, 'document certificate'],
  ['no cabundle', { cabundle: 'absent' }, 'document cabundle'],
  ['an empty cabundle', { cabundle: [] }, 'document cabundle'],
  [
    'a cabundle of ten',
    { cabundle: Array.from({ length: 10 }, () => bytes(1)) },
    'document cabundle',
  ],
  ['an empty authority', { cabundle: [bytes(0)] }, 'document cabundle 0'],
  ['an authority of 1025 bytes', { cabundle: [bytes(1025)] }, 'document cabundle 0'],
  ['an authority that is none', { cabundle: [bytes(9)] }, 'Nitro chain certificate 2'],
  ['an empty public_key', { public_key: bytes(0) }, 'document public_key'],
  ['a public_key of 1025 bytes', { public_key: bytes(1025) }, 'document public_key'],
  ['user_data of 513 bytes', { user_data: bytes(513) }, 'document user_data'],
  ['user_data as text', { user_data: 'a' }, 'document user_data'],
  ['a nonce of 513 bytes', { nonce: bytes(513) }, 'document nonce'],
]

test.for(malformed)('%s is malformed', async ([, changes, field]) => {
  expect(await judge(documentWith(changes))).toMatchObject({
    authentic: false,
    reject: 'PARSE',
    at: { field },
  })
})

test.for<readonly [string, Readonly<Record<string, Cbor>>]>([
  ['public_key of 1 byte', { public_key: bytes(1) }],
  ['public_key of 1024 bytes', { public_key: bytes(1024) }],
  ['user_data of no bytes', { user_data: bytes(0) }],
  ['user_data of 512 bytes', { user_data: bytes(512) }],
  ['a nonce of 512 bytes', { nonce: bytes(512) }],
  ['no optional member', { public_key: 'absent', user_data: 'absent', nonce: 'absent' }],
  ['32 PCRs of 64 bytes', { pcrs: new Map(Array.from({ length: 32 }, (_, i) => [i, bytes(64)])) }],
  ['three PCRs of 32 bytes', { pcrs: new Map([0, 1, 2].map((i) => [i, bytes(32)])) }],
  ['a member that nobody knows', { color: 'blue' }],
])('%s is accepted', async ([, changes]) => {
  expect(isAccepted(await judge(documentWith(changes)))).toBe(true)
})

test('all zeros in any one of PCR0 to PCR2 is debug', async () => {
  for (const index of [0, 1, 2]) {
    const document = documentWith({ pcrs: pcrs([index, bytes(48, 0)]) })
    expect(await judge(document)).toMatchObject({
      authentic: true,
      claims: { debug: true },
      reasons: [{ code: 'DEBUG' }],
    })
    const policy = anyPolicy({ allowDebug: true })
    expect(isAccepted(await judge(document, { policy }))).toBe(true)
  }
  expect(isAccepted(await judge(documentWith({ pcrs: pcrs([3, bytes(48, 0)]) })))).toBe(true)
})

test('the time is ours, never that of the document', async () => {
  const document = enclave.document({ now })
  const end = now - 1 + 3 * 3600 + 3
  expect(await judge(document)).toMatchObject({ until: end })
  expect(isAccepted(await judge(document, { now: unixSeconds(end) }))).toBe(true)
  for (const time of [now - 2, end + 1])
    expect(await judge(document, { now: unixSeconds(time) })).toMatchObject({
      reject: 'CERT_EXPIRED_OR_NOT_YET_VALID',
    })
  // Its own timestamp says that it was signed while its certificate was valid, years from now.
  const late = documentWith({ timestamp: (end + 1) * 1000 })
  expect(await judge(late, { now: unixSeconds(end + 1) })).toMatchObject({
    reject: 'CERT_EXPIRED_OR_NOT_YET_VALID',
  })
})

test('a policy bounds how old a document is, and how far its clock is ahead', async () => {
  const codes = async (timestamp: number, maxAgeSeconds: number) => {
    const policy = anyPolicy({ nitro: { maxAgeSeconds } })
    const appraisal = await judge(documentWith({ timestamp }), { policy })
    return appraisal.authentic && appraisal.reasons.map(({ code }) => code)
  }
  expect(await codes((now - 60) * 1000, 60)).toEqual([])
  expect(await codes((now - 61) * 1000, 60)).toEqual(['DOCUMENT_AGE'])
  expect(await codes((now + 60) * 1000, 60)).toEqual([])
  expect(await codes((now + 61) * 1000, 60)).toEqual(['DOCUMENT_AGE'])
})

test('a policy compares user data, nonce, public key and single PCRs', async () => {
  const document = enclave.document({
    now,
    userData: bytes(3, 1),
    nonce: bytes(3, 2),
    publicKey: bytes(3, 3),
  })
  const role = encodeHex(bytes(48, 9))
  const wanted = {
    reportData: '010101',
    nitro: { nonces: ['020202'], publicKeys: ['0x030303'], pcrs: { 3: ['00'.repeat(48)] } },
  }
  expect(isAccepted(await judge(document, { policy: anyPolicy(wanted) }))).toBe(true)
  const codes = async (overrides: object) => {
    const appraisal = await judge(document, { policy: anyPolicy(overrides) })
    return appraisal.authentic && appraisal.reasons.map(({ code }) => code)
  }
  expect(await codes({ reportData: '020202' })).toEqual(['REPORT_DATA'])
  expect(await codes({ nitro: { nonces: ['010101'] } })).toEqual(['REPORT_DATA'])
  expect(await codes({ nitro: { publicKeys: [] } })).toEqual(['REPORT_DATA'])
  expect(await codes({ nitro: { pcrs: { 3: [role] } } })).toEqual(['MEASUREMENT'])
  expect(await codes({ nitro: { pcrs: { 3: [] } } })).toEqual(['MEASUREMENT'])
  expect(await codes({ nitro: { pcrs: { 31: [role] } } })).toEqual(['PCR_MISSING'])
})

test('a measurement is computed from PCR0 to PCR2 before any enclave runs', async () => {
  const images = [bytes(48, 1), bytes(48, 2), bytes(48, 3)]
  const values = new Map(images.map((image, index) => [index, image]))
  const appraisal = await judge(documentWith({ pcrs: values }))
  expect(appraisal).toMatchObject({ claims: { measurement: await nitroMeasurement(images) } })
})

test('without collateral only the chain is known, with an empty one all that there is', async () => {
  const document = enclave.document({ now })
  expect(await judge(document, { collateral: 'none' })).toMatchObject({
    authentic: 'chain-only',
    reasons: [{ code: 'CHAIN_ONLY' }],
  })
})

test("another cloud's root is not trusted, nor is another vendor's or a device's anchor", async () => {
  const document = enclave.document({ now })
  const refused = { authentic: false, reject: 'UNTRUSTED_ROOT' }
  const other = insecureDevnetAnchor('ab'.repeat(32))
  expect(await judge(document, { anchors: [other] })).toMatchObject(refused)
  expect(await judge(document, { anchors: [] })).toMatchObject(refused)
  const asDevice = deviceKeyAnchor(cloud.anchorSpkiSha256, 'arm-psa')
  expect(await judge(document, { anchors: [asDevice] })).toMatchObject(refused)
})

test('a document that another enclave signed is refused', async () => {
  const other = cloud.startEnclave({ enclaveSeed: new Uint8Array(16).fill(1) })
  expect(await judge(other.signPayload(encodeCbor(genuineMembers())))).toMatchObject({
    reject: 'REPORT_SIGNATURE',
  })
})

/** A chain of certificates of a root of our own, and what is judged of it before any signature of a document. */
async function judgeChain(leaf: CertificateOptions, authority: CertificateOptions) {
  const root = signer('root')
  const middle = signer('middle')
  const time = { notBefore: 1_600_000_000, notAfter: 1_900_000_000 }
  const document = documentWith({
    certificate: new Uint8Array(certificate(signer('leaf'), middle, { ...time, ...leaf })),
    cabundle: [
      new Uint8Array(certificate(root, root, { ...time, ca: true })),
      new Uint8Array(certificate(middle, root, { ...time, ca: true, ...authority })),
    ],
  })
  return await judge(document, { anchors: [insecureDevnetAnchor(spkiSha256(root))] })
}

test('leaf and authorities have to say what their keys are for', async () => {
  const invalid = { authentic: false, reject: 'CHAIN_INVALID' }
  // The chain holds: only the document is signed by another key.
  expect(await judgeChain({}, {})).toMatchObject({ reject: 'REPORT_SIGNATURE' })
  for (const leaf of [
    { keyUsage: 'absent' },
    { keyUsage: 0x04 },
    { ca: true, keyUsage: 0x86 },
    { pathLength: 0 },
  ] as const)
    expect(await judgeChain(leaf, {}), JSON.stringify(leaf)).toMatchObject(invalid)
  for (const authority of [
    { keyUsage: 'absent' },
    { keyUsage: 0x80 },
    { ca: false, keyUsage: 0x06 },
  ] as const)
    expect(await judgeChain({}, authority), JSON.stringify(authority)).toMatchObject(invalid)
})
