import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto'
import {
  appraise,
  insecureDevnetAnchor,
  isAccepted,
  productionAnchors,
  strictPolicy,
} from '@cloister/attest'
import {
  encodeHex,
  isCborArray,
  parseCbor,
  unixSeconds,
  type Bytes,
  type Cbor,
} from '@cloister/codec'
import { createNitroCloud, type DocumentRequest, type EnclaveOptions } from '../src/index.ts'
import { expect, test } from 'vitest'

const now = unixSeconds(1_790_000_000)
const cloud = createNitroCloud(new Uint8Array(32).fill(5))
const enclaveSeed = new Uint8Array(16)

const strict = strictPolicy({
  measurements: 'any',
  reportData: 'any',
  machineIds: 'any',
})

function judge(document: Bytes, at = now) {
  const anchors = [insecureDevnetAnchor(cloud.anchorSpkiSha256)]
  return appraise(
    { tee: 'aws-nitro', document },
    { collateral: {}, anchors, policy: strict, now: at },
  )
}

const make = (request: Partial<DocumentRequest> = {}, options: Partial<EnclaveOptions> = {}) =>
  cloud.startEnclave({ enclaveSeed, ...options }).document({ now, ...request })

const read = (bytes: Bytes) =>
  parseCbor(bytes, 'test', { bytesMax: 65_536, depthMax: 16, itemsMax: 512, indefinite: true })

/** The four members of a COSE_Sign1, and the members of its payload. */
function parts(document: Bytes) {
  const [header, , payload, signature] = bytesOf(read(document))
  const members = read(payload!)
  if (!(members instanceof Map)) throw new Error('A payload is a map')
  return { header: header!, payload: payload!, signature: signature!, members }
}

function bytesOf(value: Cbor): readonly Bytes[] {
  if (!isCborArray(value)) throw new Error('Expected an array')
  return value.map((item) => (item instanceof Uint8Array ? item : new Uint8Array(0)))
}

test('documents in every form are accepted', async () => {
  for (const form of ['definite', 'indefinite'] as const)
    for (const envelope of ['tagged', 'untagged'] as const) {
      const document = make({ form, envelope })
      expect(isAccepted(await judge(document))).toBe(true)
      expect(document[0]).toBe(envelope === 'tagged' ? 0xd2 : 0x84)
      // A map of nine, or one that ends with a break.
      const { payload } = envelope === 'untagged' ? parts(document) : { payload: undefined }
      if (payload) expect(payload[0]).toBe(form === 'definite' ? 0xa9 : 0xbf)
    }
})

test("members, their order and their sizes are those of AWS's documents", () => {
  const { members, header } = parts(make())
  expect([...members.keys()]).toEqual([
    'module_id',
    'digest',
    'timestamp',
    'pcrs',
    'certificate',
    'cabundle',
    'public_key',
    'user_data',
    'nonce',
  ])
  expect(encodeHex(header)).toBe('a1013822')
  expect(members.get('module_id')).toMatch(/^i-0[0-9a-f]{16}-enc0[0-9a-f]{16}$/)
  const pcrs = members.get('pcrs')
  if (!(pcrs instanceof Map)) throw new Error('PCRs are a map')
  expect([...pcrs.keys()]).toEqual(Array.from({ length: 16 }, (_, index) => index))
  const certificates = [
    ...bytesOf(members.get('cabundle')),
    ...bytesOf([members.get('certificate')]),
  ]
  expect(certificates.length).toBe(5)
  expect(certificates.every(({ length }) => length <= 1024)).toBe(true)
})

test('Node verifies the chain and the signature, and names say that it is no AWS', () => {
  const { payload, signature, members } = parts(make())
  const chain = [...bytesOf(members.get('cabundle')), ...bytesOf([members.get('certificate')])].map(
    (der) => new X509Certificate(der),
  )
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[Math.max(index - 1, 0)]!
    expect(certificate.checkIssued(issuer)).toBe(true)
    expect(certificate.verify(issuer.publicKey)).toBe(true)
    expect(certificate.ca).toBe(index < 4)
    expect(certificate.subject).toContain('insecure development root')
    // The most that RFC 5280 lets a common name have is 64 characters.
    expect(certificate.subject).toMatch(/^CN=Cloister Emulator .{1,46}$/m)
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'secp384r1' })
  }
  const lead = Buffer.from('846a5369676e61747572653144a101382240', 'hex')
  const size = Buffer.from([0x59, payload.length >> 8, payload.length & 255])
  const signed = Buffer.concat([lead, size, payload])
  const key = createPublicKey(chain[4]!.publicKey.export({ format: 'pem', type: 'spki' }))
  expect(verify('sha384', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true)
})

test("the root is every enclave's first certificate, and the anchor its key", () => {
  const roots = [0, 1].map((fill) => {
    const seed = new Uint8Array(16).fill(fill)
    const { members } = parts(cloud.startEnclave({ enclaveSeed: seed }).document({ now }))
    return bytesOf(members.get('cabundle'))[0]
  })
  expect(roots).toEqual([cloud.rootDer, cloud.rootDer])
  const spki = new X509Certificate(cloud.rootDer).publicKey.export({ format: 'der', type: 'spki' })
  expect(createHash('sha256').update(spki).digest('hex')).toBe(cloud.anchorSpkiSha256)
})

test('nothing of it is trusted by production anchors', async () => {
  const given = { collateral: {}, anchors: productionAnchors(), policy: strict, now }
  expect(await appraise({ tee: 'aws-nitro', document: make() }, given)).toMatchObject({
    reject: 'UNTRUSTED_ROOT',
  })
})

test('an enclave follows from its seed', () => {
  const start = (seed: Bytes, own: Bytes) =>
    createNitroCloud(seed).startEnclave({ enclaveSeed: own }).moduleId
  const zero = new Uint8Array(32)
  expect(start(zero, enclaveSeed)).toBe(start(zero, enclaveSeed))
  expect(start(zero, enclaveSeed)).not.toBe(start(zero, new Uint8Array(16).fill(1)))
  expect(start(zero, enclaveSeed)).not.toBe(start(new Uint8Array(32).fill(1), enclaveSeed))
})

test('debug, any PCR, any data and an expired certificate are there on demand', async () => {
  expect(await judge(make({}, { debug: true }))).toMatchObject({
    claims: { debug: true },
    reasons: [{ code: 'DEBUG' }],
  })
  const pcrs = new Map([[8, new Uint8Array(48).fill(8)]])
  const data = {
    userData: Uint8Array.of(1),
    nonce: Uint8Array.of(2),
    publicKey: Uint8Array.of(3),
  }
  expect(await judge(make(data, { pcrs }))).toMatchObject({
    claims: { userData: '01', nonce: '02', publicKey: '03', pcrs: { 8: '08'.repeat(48) } },
    reasons: [],
  })
  expect(await judge(make({ certificateAgeSeconds: 3 * 3600 + 3 }))).toMatchObject({
    authentic: true,
  })
  expect(await judge(make({ certificateAgeSeconds: 3 * 3600 + 4 }))).toMatchObject({
    reject: 'CERT_EXPIRED_OR_NOT_YET_VALID',
  })
})
