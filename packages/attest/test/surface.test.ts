import { createHash, generateKeyPairSync } from 'node:crypto'
import {
  anchorName,
  anchorSpkiSha256,
  appraisalDigest,
  appraise,
  deviceKeyAnchor,
  encodeAppraisal,
  insecureDevnetAnchor,
  intelMachineId,
  parseAnchorFile,
  parseCollateral,
  parseTdxQuote,
  productionAnchor,
  productionAnchors,
  tdxMeasurement,
  type Anchor,
} from '@cloister/attest'
import { concatBytes, encodeHex, encodeUtf8, parseUtf8, unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import { findAnchor } from '../src/anchors.ts'
import { pckChainText } from '../src/dcap/certification.ts'
import { Recall } from '../src/memory.ts'
import { keyPair } from './keys.ts'
import { emulated } from './vectors.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const intelRoot = 'a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e'

test('a measurement is SHA-256 of its domain, MRTD and RTMR0-3, in their places in the quote', async () => {
  const { quote } = emulated('up-to-date')
  // Version 4: a header of 48 bytes, MRTD at 136 and RTMR0 at 328 of the body.
  const registers = concatBytes(
    quote.subarray(48 + 136, 48 + 184),
    quote.subarray(48 + 328, 48 + 520),
  )
  const domain = encodeUtf8('cloister/measurement/tdx/1\0')
  expect(await tdxMeasurement(parseTdxQuote(quote).report)).toBe(
    sha256(concatBytes(domain, registers)),
  )
})

test('a machine id is SHA-256 of its domain, the vendor and the PPID', async () => {
  const ppid = Uint8Array.from({ length: 16 }, (_, index) => index)
  const expected = sha256(concatBytes(encodeUtf8('cloister/machine/1\0intel\0'), ppid))
  expect(await intelMachineId(ppid)).toBe(expected)
})

test('an appraisal is canonical JSON, and its digest is of that', async () => {
  const { quote, given } = emulated('up-to-date')
  const appraisal = await appraise({ tee: 'tdx', quote }, given)
  const text = parseUtf8(encodeAppraisal(appraisal))
  expect(JSON.parse(text)).toEqual(appraisal)
  expect(
    text.startsWith('{"authentic":true,"claims":{"advisoryIds":[],"anchor":"insecure-devnet:'),
  ).toBe(true)
  expect(encodeHex(await appraisalDigest(appraisal))).toBe(sha256(Buffer.from(text)))
})

test('a production anchor is a name: another key can not be passed as it', async () => {
  const intel = productionAnchor('intel-sgx-root-ca')
  expect([anchorName(intel), anchorSpkiSha256(intel)]).toEqual(['intel-sgx-root-ca', intelRoot])
  const { quote, given } = emulated('up-to-date')
  const forged = { ...intel, spkiSha256: anchorSpkiSha256(given.anchors[0]!) }
  const appraisal = await appraise({ tee: 'tdx', quote }, { ...given, anchors: [forged] })
  expect(appraisal).toMatchObject({ authentic: false, reject: 'UNTRUSTED_ROOT' })
})

test('a devnet anchor names its key, and is never a vendor root', () => {
  expect(anchorName(insecureDevnetAnchor('AB'.repeat(32)))).toBe(
    `insecure-devnet:${'ab'.repeat(32)}`,
  )
  for (const bad of [
    '',
    'ab',
    'zz'.repeat(32),
    `${'ab'.repeat(32)}\n`,
    intelRoot,
    intelRoot.toUpperCase(),
  ])
    expect(() => insecureDevnetAnchor(bad)).toThrow('Cannot read devnet anchor')
})

test("a vendor's root stands above its own vendor's evidence, a device's key above none", () => {
  const [intel, amd] = [productionAnchor('intel-sgx-root-ca'), productionAnchor('amd-ark-genoa')]
  const roots = ['intel-sgx-root-ca'] as const
  const found = (anchor: Anchor) => findAnchor([anchor], anchorSpkiSha256(anchor), roots)
  expect(found(intel)).toBe(intel)
  expect(found(amd)).toBeUndefined()
  const devnet = insecureDevnetAnchor('ab'.repeat(32))
  expect(found(devnet)).toBe(devnet)
  expect(found(deviceKeyAnchor('ab'.repeat(32), 'tpm2'))).toBeUndefined()
  expect(anchorName(deviceKeyAnchor('AB'.repeat(32), 'arm-cca'))).toBe(
    `device-key:arm-cca:${'ab'.repeat(32)}`,
  )
  expect(() => deviceKeyAnchor(intelRoot, 'tpm2')).toThrow('Cannot read device key anchor')
})

test('every production anchor is another key', () => {
  const digests = productionAnchors().map(anchorSpkiSha256)
  expect(digests.every((digest) => /^[0-9a-f]{64}$/.test(digest))).toBe(true)
  expect(new Set(digests).size).toBe(digests.length)
})

const members = [
  'tcbInfo',
  'tcbInfoSignature',
  'tcbInfoIssuerChain',
  'qeIdentity',
  'qeIdentitySignature',
  'qeIdentityIssuerChain',
  'rootCaCrl',
  'pckCrl',
  'pckCrlIssuerChain',
]
const underscores = [
  'tcb_info',
  'tcb_info_signature',
  'tcb_info_issuer_chain',
  'qe_identity',
  'qe_identity_signature',
  'qe_identity_issuer_chain',
  'root_ca_crl',
  'pck_crl',
  'pck_crl_issuer_chain',
]
const object = (names: readonly string[]) =>
  Object.fromEntries(names.map((name, index) => [name, `text ${index}`]))

test('collateral is read in either spelling', () => {
  expect(parseCollateral(JSON.stringify(object(members)))).toEqual({ intel: object(members) })
  expect(parseCollateral(JSON.stringify(object(underscores)))).toEqual({ intel: object(members) })
})

test('a bundle holds the documents of several vendors, and the keys of devices', () => {
  const intel = object(members)
  const amd = { certificateChain: 'chain', crl: 'list' }
  const nvidia = { rims: ['driver', 'vbios'], ocspResponses: ['answer'] }
  const read = (value: object) => parseCollateral(JSON.stringify(value))
  expect(read({ intel, amd, nvidia })).toEqual({ intel, amd, nvidia })
  const pckCertificateChain = 'pck'
  expect(read({ intel: { ...object(underscores), pck_certificate_chain: 'pck' } })).toEqual({
    intel: { ...intel, pckCertificateChain },
  })
  expect(read({ nvidia: {} })).toEqual({ nvidia: { rims: [], ocspResponses: [] } })
  const { kty, crv, x, y } = keyPair('P-384').publicKey.export({ format: 'jwk' })
  const one = read({ deviceKeys: { kty, crv, x, y } })
  expect(one).toEqual(read({ deviceKeys: [{ kty, crv, x, y }] }))
  expect(one.deviceKeys).toHaveLength(1)
})

test.for<[string, object]>([
  ['collateral arm', { amd: { certificateChain: '' }, arm: {} }],
  ['collateral tcbInfo', { intel: {} }],
  ['collateral amd', { amd: [] }],
  ['collateral amd certificateChain', { amd: {} }],
  ['collateral amd crl', { amd: { certificateChain: '', crl: 7 } }],
  ['collateral nvidia rims 2', { nvidia: { rims: ['', null] } }],
  ['collateral nvidia rims', { nvidia: { rims: Array(33).fill('') } }],
  ['collateral nvidia ocspResponses', { nvidia: { ocspResponses: 'text' } }],
  ['device keys', { deviceKeys: Array.from({ length: 33 }, () => ({})) }],
  ['device key 1', { deviceKeys: [7] }],
])('%s is named where it is not in order', ([field, value]) => {
  expect(() => parseCollateral(JSON.stringify(value))).toThrow(
    expect.objectContaining({ name: 'MalformedError', field }),
  )
})

test('a member of collateral that is absent, given twice or no text is named', () => {
  for (const name of members) {
    const { [name]: _, ...rest } = object(members)
    expect(() => parseCollateral(JSON.stringify(rest))).toThrow(
      `Cannot read collateral ${name} at byte 0: absent`,
    )
    expect(() => parseCollateral(JSON.stringify({ ...rest, [name]: 7 }))).toThrow(
      `collateral ${name}`,
    )
  }
  expect(() => parseCollateral(JSON.stringify({ ...object(members), pck_crl: '' }))).toThrow(
    'both spellings',
  )
  for (const text of ['[]', 'null', '7', '{', '[[[[[]]]]]', ''])
    expect(() => parseCollateral(text)).toThrow('Cannot read collateral')
})

test('what is recalled is read once, and anew after it expired', () => {
  const recall = new Recall<string>()
  let reads = 0
  const get = (text: string, at: number) =>
    recall.get(
      text,
      unixSeconds(at),
      () => `${text} ${++reads}`,
      () => unixSeconds(100),
    )
  expect([get('a', 1), get('a', 100), get('a', 101), get('a', 101), get('a', 50)]).toEqual([
    'a 1',
    'a 1',
    'a 2',
    'a 3',
    'a 4',
  ])
})

test('recall keeps 64 entries and 8 Mi characters, and lets the oldest go', () => {
  const recall = new Recall<number>()
  let reads = 0
  const get = (text: string) =>
    recall.get(
      text,
      unixSeconds(1),
      () => ++reads,
      () => unixSeconds(2),
    )
  for (let index = 0; index < 65; index++) get(`entry ${index}`)
  expect([get('entry 64'), get('entry 1')]).toEqual([65, 2])
  expect(get('entry 0')).toBe(66)
  const big = 'x'.repeat(5 * 1024 * 1024)
  expect([get(`${big}1`), get(`${big}1`), get(`${big}2`), get(`${big}1`)]).toEqual([67, 67, 68, 69])
  const huge = 'x'.repeat(9 * 1024 * 1024)
  expect([get(huge), get(huge)]).toEqual([70, 71])
})

test('a file of anchors holds roots or keys, and what is no root is refused by its name', async () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }))
  const pem = Uint8Array.from(Buffer.from(publicKey.export({ format: 'pem', type: 'spki' })))
  const jwk = Uint8Array.from(Buffer.from(JSON.stringify(publicKey.export({ format: 'jwk' }))))
  const expected = [{ kind: 'device-key', tee: 'arm-psa', spkiSha256: sha256(spki) }]
  for (const file of [spki, pem, jwk])
    expect((await parseAnchorFile(file, 'arm-psa')).anchors).toEqual(expected)
  // A key signs no TDX quote: there it is no anchor.
  expect((await parseAnchorFile(spki, 'tdx')).anchors).toEqual([])
  const { quote, given } = emulated('up-to-date')
  const chain = pckChainText(parseTdxQuote(quote)) ?? ''
  const blocks = chain.split(/(?=-----BEGIN)/)
  const root = Uint8Array.from(Buffer.from(blocks.at(-1)!))
  expect((await parseAnchorFile(root, 'tdx')).anchors).toEqual(given.anchors)
  await expect(parseAnchorFile(Uint8Array.from(Buffer.from(chain)), 'tdx')).rejects.toThrow(
    /is not a root/,
  )
})
