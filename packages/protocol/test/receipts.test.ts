import {
  checkBinding,
  checkPosting,
  checkReceipt,
  checkReleases,
  checkReleaseSignatures,
  encodeBundle,
  parseBundle,
  sortReleases,
  type ReceiptFile,
} from '@cloister/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { startAnvil, type TestChain } from './anvil.ts'
import { address, domain as otherDomain, word } from './examples.ts'
import { domain } from './receipt-example-deployment.ts'
import { makeReceiptExample } from './receipt-example.ts'

let chain: TestChain
let file: ReceiptFile

beforeAll(async () => {
  chain = await startAnvil()
  ;({ file } = await makeReceiptExample(chain, { nonce: 1n, output: 0xa0 }))
})

afterAll(() => chain.stop())

const fields = (problems: readonly { readonly field: string }[]) =>
  problems.map(({ field }) => field)
const releases = () => file.bundle.releases.map(({ release }) => release)
const context = () => ({
  order: file.bundle.order,
  binding: file.bundle.binding,
  checkpoint: file.bundle.checkpoint,
  assetRoots: [word(0xf1), word(0xf2)],
  releases: releases(),
  privateApp: false,
})

test('a receipt agrees with its order, binding, checkpoint, inputs and releases', () => {
  expect(checkReceipt(domain, file.receipt, context())).toEqual([])
})

test('each field of a receipt that another thing decides is held to it', () => {
  for (const field of [
    'task',
    'orderDigest',
    'app',
    'binding',
    'inputsRoot',
    'releasesRoot',
    'checkpoint',
    'nonce',
  ])
    expect(
      fields(checkReceipt(domain, { ...file.receipt, [field]: word(0xee) }, context())),
    ).toEqual([`receipt.${field}`])
  expect(fields(checkReceipt(domain, { ...file.receipt, attempt: 2 }, context()))).toEqual([
    'receipt.attempt',
  ])
  expect(fields(checkReceipt(domain, { ...file.receipt, time: 1n }, context()))).toEqual([
    'receipt.time',
  ])
})

test('inputs and releases in another order make another receipt', () => {
  const assetRoots = [word(0xf2), word(0xf1)]
  expect(fields(checkReceipt(domain, file.receipt, { ...context(), assetRoots }))).toEqual([
    'receipt.inputsRoot',
  ])
  const swapped = releases().toReversed()
  expect(fields(checkReceipt(domain, file.receipt, { ...context(), releases: swapped }))).toEqual([
    'receipt.releasesRoot',
  ])
})

test('a receipt of another deployment agrees with nothing', () => {
  expect(checkReceipt(otherDomain, file.receipt, context()).length).toBeGreaterThan(4)
})

test('a binding agrees with its order and checkpoint, field by field', () => {
  const { order, binding, checkpoint } = file.bundle
  expect(checkBinding(domain, binding, order, checkpoint)).toEqual([])
  for (const field of ['task', 'orderDigest', 'app', 'grantsRoot', 'nonce'])
    expect(
      fields(checkBinding(domain, { ...binding, [field]: word(0xee) }, order, checkpoint)),
    ).toEqual([`binding.${field}`])
  const late = { ...binding, notAfter: checkpoint.blockTime }
  expect(fields(checkBinding(domain, late, order, checkpoint))).toEqual(['binding.notAfter'])
})

test('a posting names one receipt and one signature', () => {
  expect(checkPosting(domain, file)).toEqual([])
  const receipt = { ...file.receipt, outputDigest: word(0xee) }
  expect(fields(checkPosting(domain, { ...file, receipt }))).toEqual(['posting.receiptDigest'])
  for (const field of ['spentWei', 'outputCommitment'] as const) {
    const value = field === 'spentWei' ? 1n : word(0xee)
    const posting = { ...file.posting, [field]: value }
    expect(fields(checkPosting(domain, { ...file, posting }))).toEqual([`posting.${field}`])
  }
  const receiptSignature = file.operatorSignature
  expect(fields(checkPosting(domain, { ...file, receiptSignature }))).toEqual([
    'posting.receiptSignatureHash',
  ])
})

test('release records are for this attempt, by place, each share once', () => {
  const { order } = file.bundle
  const [first, ...rest] = releases()
  const attempt = { task: file.posting.task, attempt: 1, quoteDigest: first!.quoteDigest }
  const check = (list: ReturnType<typeof releases>) => fields(checkReleases(list, order, attempt))
  expect(check(releases())).toEqual([])
  expect(check([{ ...first!, task: word(1) }, ...rest])).toEqual(['releases[0].task'])
  expect(check([{ ...first!, attempt: 2 }, ...rest])).toEqual(['releases[0].attempt'])
  expect(check([{ ...first!, quoteDigest: word(1) }, ...rest])).toEqual(['releases[0].quoteDigest'])
  expect(check([{ ...first!, grant: word(1) }, ...rest])).toEqual(['releases[0].grant'])
  expect(check([{ ...first!, asset: word(1) }, ...rest])).toEqual(['releases[0].asset'])
  expect(check(releases().toReversed())).toEqual(['releases'])
  expect(check([first!, ...releases()])).toEqual(['releases'])
  expect(sortReleases(releases().toReversed(), order)).toEqual(releases())
})

test('a release is complete with two signatures of two keys', async () => {
  const [signed, , other] = file.bundle.releases
  const check = async (change: object) =>
    fields(await checkReleaseSignatures(domain, { ...signed!, ...change }))
  expect(await check({})).toEqual([])
  expect(await check({ signature: other!.signature })).toEqual(['signature'])
  expect(await check({ countersignature: other!.countersignature })).toEqual(['countersignature'])
  expect(await check({ countersigner: address(1) })).toEqual(['countersignature'])
  expect(await check({ countersigner: signed!.release.keeper })).toEqual([
    'countersignature',
    'countersigner',
  ])
})

const spelled = (changed: string) => () => parseBundle(new TextEncoder().encode(changed))

test('a bundle read back is the bundle, and has one spelling', () => {
  const bytes = encodeBundle(file.bundle)
  expect([...encodeBundle(parseBundle(bytes))]).toEqual([...bytes])
  const text = new TextDecoder().decode(bytes)
  expect(spelled(` ${text}`)).toThrow('not in canonical form')
  expect(spelled(text.replace('{', '{"format":"cloister-bundle/1",'))).toThrow(
    'not in canonical form',
  )
  expect(spelled(text.replace('"attempt":1', '"attempt":1.0'))).toThrow('not in canonical form')
})

const intelOf = (bundle: Record<string, unknown>): object => Object(bundle['collateral']).intel

test.for<[string, (bundle: Record<string, unknown>) => object, string]>([
  ['an unknown field', (b) => ({ ...b, note: 1 }), 'bundle.note'],
  [
    'a grant’s owner cut',
    (b) => ({ ...b, grants: [{ ...Object(b['grants'])[0], owner: '0x12' }] }),
    'bundle.grants[0].owner',
  ],
  ['no grant', (b) => ({ ...b, grants: [] }), 'bundle.grants'],
  ['a fresh key cut', (b) => ({ ...b, freshPublicKey: '0x00' }), 'bundle.freshPublicKey'],
  [
    'a quote too large',
    (b) => ({ ...b, evidence: { tee: 'tdx', quote: `0x${'00'.repeat(32 * 1024 + 1)}` } }),
    'bundle.evidence.quote',
  ],
  [
    'collateral without a list',
    (b) => ({ ...b, collateral: { intel: { ...intelOf(b), pckCrl: 5 } } }),
    'bundle.collateral.intel.pckCrl',
  ],
  [
    'a PCK chain beside its quote',
    (b) => ({ ...b, collateral: { intel: { ...intelOf(b), pckCertificateChain: '' } } }),
    'bundle.collateral.intel.pckCertificateChain',
  ],
  ['no header', (b) => ({ ...b, proofs: { headers: [], accounts: [] } }), 'bundle.proofs.headers'],
])('a bundle with %s is refused by its place', ([, change, field]) => {
  const json: Record<string, unknown> = JSON.parse(
    new TextDecoder().decode(encodeBundle(file.bundle)),
  )
  expect(() => parseBundle(new TextEncoder().encode(JSON.stringify(change(json))))).toThrow(
    expect.objectContaining({ name: 'MalformedError', field }),
  )
})

test('a PCK chain that collateral has beside its nine texts is not written', () => {
  const { bundle } = file
  const more = { ...bundle, collateral: { ...bundle.collateral, pckCertificateChain: 'chain' } }
  expect(encodeBundle(more)).toEqual(encodeBundle(bundle))
})

test('more than four megabytes are not read', () => {
  expect(() => parseBundle(new Uint8Array(4 * 1024 * 1024 + 1))).toThrow('at most 4194304 are read')
})
