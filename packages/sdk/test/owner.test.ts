import { inspect } from 'node:util'

import { encodeUtf8, OperationError, parseUtf8 } from '@cloister/codec'
import { chainCells, slotHex } from '@cloister/protocol'
import { combineShares, parsePartsList, type ReadPart } from '@cloister/seal'
import { sha256, toHex, zeroAddress, type Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

import {
  appraiseKeeper,
  assetOnChain,
  depositShare,
  openAsset,
  sealAsset,
  sealShare,
  shareAsset,
  signKeeperPolicy,
  type AppraisedKeeper,
  type Client,
} from '../src/index.ts'
import { registers, type Tamper } from './keeper-node.ts'
import { startWorld, type World } from './world.ts'

const record = encodeUtf8('17.99,10.38,122.8,1001,0.1184,1\n')
let world: World
let client: Client

beforeAll(async () => {
  world = await startWorld()
  client = await world.client(world.owner)
}, 120_000)
afterAll(async () => world?.close())
beforeEach(() => {
  for (const node of world.nodes) {
    node.tamper = {}
    node.received.length = 0
  }
})

const options = (save: (text: string) => void) => ({
  plaintext: record,
  keepers: world.deployment.nodes,
  stores: world.nodes.map((node) => node.url),
  save,
})

async function codeOf(action: Promise<unknown>): Promise<string> {
  const error = await action.then(
    () => new Error('it succeeded'),
    (cause: unknown) => cause,
  )
  return error instanceof OperationError ? error.code : String(error)
}

async function messageOf(action: Promise<unknown>): Promise<string> {
  const error: unknown = await action.catch((cause: unknown) => cause)
  return error instanceof Error ? error.message : 'it succeeded'
}

test('an owner shares an asset: stored twice or more, registered, a share at each keeper, and two of them give the key', async () => {
  const shared = await shareAsset(
    client,
    options(() => undefined),
  )
  const onChain = await assetOnChain(client, shared.asset)
  expect(onChain).toMatchObject({ owner: world.owner.address, root: shared.root })
  const name = shared.root.slice(2)
  const copies = world.nodes.filter((node) => node.objects.has(name))
  expect(copies.length).toBeGreaterThanOrEqual(2)
  const objects = copies[0]!.objects
  expect(sha256(objects.get(name)!)).toBe(shared.root)
  const list = parsePartsList(objects.get(name)!)
  const readPart: ReadPart = ({ digest }) => Promise.resolve(objects.get(digest)!)
  expect(parseUtf8(await openAsset(shared, { list, readPart }))).toBe(parseUtf8(record))
  const deposited = world.nodes.map((node, index) => node.shares.get(`${shared.asset}/${index}`)!)
  const shares = deposited.map((plain) => plain.slice(0, 33))
  for (const [index, plain] of deposited.entries()) {
    expect(plain.length).toBe(36)
    expect([...plain.slice(33)]).toEqual(shares.map((share) => share[32]))
    expect(shared.acknowledgements[index]?.ack.receiptKey).toBe(
      world.nodes[index]?.receiptAccount.address,
    )
  }
  for (const [a, b] of [
    [0, 1],
    [1, 2],
    [0, 2],
  ] as const)
    expect(await combineShares([shares[a]!, shares[b]!])).toEqual(shared.dataKey.reveal())
})

test('a run that failed half way goes on from what was saved and makes no second asset', async () => {
  let saved = ''
  const third = world.nodes[2]!
  let asked = 0
  // The third keeper is fine when it is first looked at, and refused when its turn comes.
  third.tamper = { quote: (request) => (asked++ === 0 ? request : { ...request, debug: true }) }
  const before = await registered()
  expect(
    await codeOf(
      shareAsset(
        client,
        options((text) => (saved = text)),
      ),
    ),
  ).toBe('keeper-refused')
  expect(await registered()).toBe(before + 1)
  third.tamper = {}
  const shared = await shareAsset(client, { ...options((text) => (saved = text)), resume: saved })
  expect(await registered()).toBe(before + 1)
  expect(shared.acknowledgements.map(({ ack }) => ack.shareIndex)).toEqual([0, 1, 2])
  const deposits = world.nodes.map(
    (node) => node.received.filter(({ route }) => route === 'shares').length,
  )
  expect(deposits).toEqual([1, 1, 1])
  const again = await shareAsset(client, { ...options(() => undefined), resume: saved })
  expect(again.asset).toBe(shared.asset)
  const stranger = await world.client(world.stranger)
  expect(await codeOf(shareAsset(stranger, { ...options(() => undefined), resume: saved }))).toBe(
    'wrong-owner',
  )
})

test('secrets do not show themselves in logs, JSON or texts', async () => {
  const { dataKey, shares, ...asset } = await sealAsset(client, record, {
    owner: world.owner.address,
  })
  const secret = Buffer.from(dataKey.reveal()).toString('hex')
  const shown = [
    inspect({ dataKey, shares, ...asset }, { depth: 9, showHidden: true }),
    JSON.stringify({ dataKey, shares }),
    `${String(dataKey)} ${shares.map(String).join()}`,
  ].join('\n')
  expect(shown).toContain('[data key]')
  expect(shown).not.toContain(secret)
  expect(shown).not.toContain(dataKey.reveal().join())
  expect(shown).not.toContain([...dataKey.reveal()].join(', '))
})

const asset: Hex = `0x${'5a'.repeat(32)}`
const operators = () => world.deployment.nodes.map(({ operator }) => operator)
const demand = () => ({
  measurements: world.deployment.measurements,
  releaseKey: zeroAddress,
  tcbFloor: 0,
  tierMin: 0,
  tees: 0b100,
})

test('a keeper of the approved measurement, admitted on chain, is accepted', async () => {
  const node = world.nodes[0]!
  const keeper = await appraiseKeeper(client, node.url, asset, demand())
  expect(keeper.receiptKey).toBe(node.receiptAccount.address)
  expect(keeper.operator).toBe(node.operator.address)
  expect(keeper.appraisal.authentic).toBe(true)
})

const forgeries: readonly (readonly [name: string, tamper: Tamper, reason: RegExp])[] = [
  [
    'another measurement',
    { quote: (request) => ({ ...request, ...registers(7) }) },
    /MEASUREMENT.*chain does not approve/s,
  ],
  ['a debug enclave', { quote: (request) => ({ ...request, debug: true }) }, /DEBUG/],
  [
    'a flipped bit in the quote’s body',
    { bytes: (quote) => quote.map((byte, at) => (at === 200 ? byte ^ 1 : byte)) },
    /not authentic/,
  ],
  [
    'evidence made for another nonce',
    { quote: (request) => ({ ...request, reportData: new Uint8Array(64).fill(3) }) },
    /REPORT_DATA/,
  ],
  [
    'a share key that the quote does not bind',
    { answer: (answer) => ({ ...answer, sharePublicKey: `0x${'11'.repeat(1216)}` }) },
    /REPORT_DATA.*share key is not the one/s,
  ],
  [
    'a receipt key without a record',
    { answer: (answer) => ({ ...answer, receiptKey: `0x${'22'.repeat(20)}` }) },
    /no live record/,
  ],
  [
    'another operator’s name',
    { answer: (answer) => ({ ...answer, operator: `0x${'33'.repeat(20)}` }) },
    /names operator/,
  ],
]

test.for(forgeries)(
  'a keeper is refused for %s, and nothing secret was sent',
  async ([, tamper, reason]) => {
    world.nodes[0]!.tamper = tamper
    const before = await registered()
    const message = await messageOf(
      shareAsset(
        client,
        options(() => undefined),
      ),
    )
    expect(message).toMatch(/nothing was sent to it/)
    expect(message).toMatch(reason)
    expect(world.nodes.flatMap(({ received }) => received.map(({ route }) => route))).not.toContain(
      'shares',
    )
    expect(await registered()).toBe(before)
  },
)

test('genuine evidence of another machine is refused', async () => {
  const [first, second] = [world.nodes[0]!, world.nodes[1]!]
  first.tamper = {
    bytes: () => second.platform.quote({ ...registers(1), reportData: new Uint8Array(64) }),
  }
  expect(await messageOf(appraiseKeeper(client, first.url, asset, demand()))).toMatch(/MACHINE/)
})

test('evidence under a root that the deployment does not name is refused', async () => {
  const other: typeof world.deployment.anchors = [{ kind: 'production', name: 'intel-sgx-root-ca' }]
  const elsewhere: Client = { ...client, deployment: { ...client.deployment, anchors: other } }
  const message = await messageOf(appraiseKeeper(elsewhere, world.nodes[0]!.url, asset, demand()))
  expect(message).toMatch(/not authentic/)
})

test('a measurement that the manifest does not list is refused, though the chain approves it and the owner names it', async () => {
  const elsewhere: Client = { ...client, deployment: { ...client.deployment, measurements: [] } }
  const message = await messageOf(appraiseKeeper(elsewhere, world.nodes[0]!.url, asset, demand()))
  expect(message).toMatch(/MEASUREMENT/)
})

test('no share is sealed to what only looks like an appraised keeper, to one for another asset, or past its time', async () => {
  const sealed = await sealAsset(client, record, { owner: world.owner.address })
  const keeper = await appraiseKeeper(client, world.nodes[0]!.url, sealed.asset, demand())
  const rule = { asset: sealed.asset, operators: operators() }
  expect((await sealShare(client, keeper, sealed, 0, rule)).length).toBe(1120 + 36 + 16)
  const lookAlike: AppraisedKeeper = { ...keeper }
  expect(await codeOf(sealShare(client, lookAlike, sealed, 0, rule))).toBe('keeper-refused')
  const other = await sealAsset(client, record, { owner: world.owner.address })
  expect(await codeOf(sealShare(client, keeper, other, 0, { ...rule, asset: other.asset }))).toBe(
    'keeper-refused',
  )
  const later = await world.client(world.owner, {
    clock: () => (keeper.appraisal.authentic === false ? client.clock() : keeper.appraisal.until),
  })
  expect(await codeOf(sealShare(later, keeper, sealed, 0, rule))).toBe('keeper-refused')
})

test('no keeper gets a share that the policy names another for, nor a second one', async () => {
  const sealed = await sealAsset(client, record, { owner: world.owner.address })
  const keeper = await appraiseKeeper(client, world.nodes[0]!.url, sealed.asset, demand())
  const [first, second, third] = operators()
  const policy = await signKeeperPolicy(client, sealed.asset, { operators: operators() })
  for (const index of [1, 2] as const) {
    expect(await messageOf(depositShare(client, keeper, sealed, index, policy))).toMatch(
      /the keeper policy names/,
    )
    expect(await codeOf(depositShare(client, keeper, sealed, index, policy))).toBe('keeper-refused')
  }
  const rules = [
    { asset: sealed.asset, operators: [second!, first!, third!] },
    { asset: sealed.asset, operators: [first!, first!, third!] },
    { asset: sealed.asset, operators: [first!, second!] },
    { asset: sealed.asset, operators: [] },
    { asset, operators: operators() },
  ]
  for (const rule of rules)
    expect(await codeOf(sealShare(client, keeper, sealed, 0, rule))).toBe('keeper-refused')
  expect(world.nodes[0]!.received.map(({ route }) => route)).not.toContain('shares')
})

test('a keeper whose record promises a better tier than its evidence shows is refused', async () => {
  const node = world.nodes[0]!
  const { slot, offset } = chainCells.node(node.receiptAccount.address).tier
  const at = { address: world.contracts.nodeRegistry, slot: slotHex(slot) }
  const word = (await world.home.client.getStorageAt(at))!
  const better = toHex(BigInt(word) | (1n << BigInt(offset * 8)), { size: 32 })
  const put = (value: Hex) =>
    world.home.client.setStorageAt({ address: at.address, index: at.slot, value })
  await put(better)
  const message = await messageOf(
    appraiseKeeper(client, node.url, asset, { ...demand(), tierMin: 1 }),
  )
  await put(word)
  expect(message).toMatch(
    /share: its evidence is of tier 0, at least 1 is asked for; nothing was sent/,
  )
})

test('an acknowledgement that another key signed, or for another share, is not taken', async () => {
  const sealed = await sealAsset(client, record, { owner: world.owner.address })
  const node = world.nodes[0]!
  const keeper = await appraiseKeeper(client, node.url, sealed.asset, demand())
  const policy = await signKeeperPolicy(client, sealed.asset, { operators: operators() })
  node.tamper = { ack: ({ ack, signature }) => ({ ack: { ...ack, shareIndex: 1 }, signature }) }
  expect(await messageOf(depositShare(client, keeper, sealed, 0, policy))).toMatch(/something else/)
  node.tamper = {
    ack: ({ ack }) => ({ ack, signature: `0x${'01'.repeat(64)}1b` }),
  }
  expect(await messageOf(depositShare(client, keeper, sealed, 0, policy))).toMatch(/is signed by/)
})

test('an unreachable keeper and too few stores are said so, before anything is registered', async () => {
  const before = await registered()
  const [first, second, third] = world.deployment.nodes
  const gone = { ...third!, url: 'http://127.0.0.1:1' }
  const keepers = [first!, second!, gone]
  expect(await codeOf(shareAsset(client, { ...options(() => undefined), keepers }))).toBe(
    'peer-unreachable',
  )
  const stores = [world.nodes[0]!.url, 'http://127.0.0.1:1']
  expect(await codeOf(shareAsset(client, { ...options(() => undefined), stores }))).toBe(
    'store-refused',
  )
  expect(await registered()).toBe(before)
})

async function registered(): Promise<number> {
  const logs = await world.home.client.getLogs({
    address: world.contracts.assetRegistry,
    fromBlock: 0n,
  })
  return logs.length
}
