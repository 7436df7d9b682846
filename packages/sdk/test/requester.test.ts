import { encodeUtf8, MalformedError, OperationError, parseUtf8 } from '@cloister/codec'
import { sha256, parseEther, type Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

import {
  balances,
  checkManifest,
  claimOnSpoke,
  collectReceipt,
  encodeReceiptFile,
  encodeSignedGrant,
  explainTask,
  fetchOutput,
  generateEnvelopeKeyPair,
  openOutput,
  parseReceiptFile,
  parseSignedGrant,
  placeOrder,
  preflightOrder,
  prepareOrder,
  readTask,
  revokeAll,
  revokeGrant,
  setPayoutChain,
  shareAsset,
  signGrant,
  verifyReceiptFile,
  watchTask,
  withdraw,
  type Client,
  type GrantTerms,
  type OrderTerms,
  type PreparedOrder,
  type SharedAsset,
  type SignedGrant,
} from '../src/index.ts'
import { marketAbi } from '@cloister/protocol'
import { sendCall } from '../src/chain.ts'
import { drawNode, playAttempt, settle, type PlayedAttempt } from './attempt.ts'
import { trainManifest } from './manifest.ts'
import { startWorld, type World } from './world.ts'

const app = checkManifest(trainManifest)
const model = encodeUtf8('a model')
let world: World
let owner: Client
let requester: Client
let data: SharedAsset
let settings: SharedAsset

beforeAll(async () => {
  world = await startWorld()
  owner = await world.client(world.owner)
  requester = await world.client(world.requester)
  data = await share(owner, 'data')
  settings = await share(requester, 'settings')
}, 120_000)
afterAll(async () => world?.close())
beforeEach(() => {
  for (const part of [...world.nodes, ...world.verifiers]) part.tamper = {}
})

const share = (client: Client, text: string) =>
  shareAsset(client, {
    plaintext: encodeUtf8(text),
    keepers: world.deployment.nodes,
    stores: world.nodes.map((node) => node.url),
    save: () => undefined,
  })

const grantTo = (client: Client, asset: Hex, more: Partial<GrantTerms> = {}) =>
  signGrant(client, {
    assets: [asset],
    apps: [app.id],
    tees: ['tdx'],
    operators: 'any',
    requesters: [world.requester.address],
    purpose: 'tumour classifier',
    priceWei: parseEther('7'),
    usesMax: 1,
    expiry: 4_000_000_000n,
    outputBytesMax: app.outputBytesMax,
    outputFormats: ['onnx'],
    privacy: 'none',
    ...more,
  })

async function order(more: Partial<GrantTerms> = {}, terms: Partial<OrderTerms> = {}) {
  const recipient = await generateEnvelopeKeyPair()
  const grants = [
    await grantTo(owner, data.asset, more),
    await grantTo(requester, settings.asset, { priceWei: 0n }),
  ]
  const prepared = await prepareOrder(requester, {
    app,
    grants,
    recipientPublicKey: recipient.publicKey,
    ...terms,
  })
  return { recipient, prepared, grants }
}

async function failure(action: Promise<unknown>): Promise<Error & { code?: string }> {
  return action.then(
    () => new Error('it succeeded'),
    (cause: unknown) => (cause instanceof Error ? cause : new Error(String(cause))),
  )
}

test('an order goes from placed to settled, its output opens, its receipt proves every fact, and the owner claims on the spoke', async () => {
  await setPayoutChain(owner, 31338)
  const { prepared, recipient } = await order()
  // 7 of the owner's 70 %: the least fee that covers it.
  expect(prepared.order.feeWei).toBe(parseEther('10'))
  const short = await preflightOrder(requester, prepared)
  expect(short.problems.map(({ code }) => code)).toEqual(['insufficient-funds'])
  expect((await failure(placeOrder(requester, prepared))).code).toBe('insufficient-funds')
  const placed = await placeOrder(requester, prepared, { depositMissing: true })
  expect(placed.task).toBe(prepared.task)
  expect(await placeOrder(requester, prepared)).toMatchObject({ transaction: undefined })
  expect((await balances(requester)).ledgerWei).toBe(0n)
  const name = sha256(recipient.publicKey).slice(2)
  expect(world.nodes.every((node) => node.objects.has(name))).toBe(true)
  const { task } = placed
  expect((await failure(fetchOutput(requester, task))).code).toBe('task-unfinished')
  const node = await drawNode(world, task)
  const played = await playAttempt(world, prepared, node, { name: 'model.onnx', bytes: model })
  await checkOutput(prepared, recipient, played)
  await checkReceipt(task)
  await settle(world, task, played.keepers)
  const events = []
  for await (const event of watchTask(requester, task, { timeoutMs: 20_000 })) events.push(event)
  const kinds = events.map(({ kind }) => kind).filter((kind) => kind !== 'paid')
  expect(kinds).toEqual(['placed', 'drawn', 'posted', 'judged', 'accepted', 'settled'])
  const paid = events.flatMap((event) => (event.kind === 'paid' ? [event] : []))
  expect(paid.reduce((sum, { amountWei }) => sum + amountWei, 0n)).toBe(parseEther('10'))
  const owners = paid.filter(({ role }) => role === 'owner')
  expect(owners[0]).toMatchObject({
    account: world.owner.address,
    chainId: 31338,
    amountWei: parseEther('7'),
  })
  await checkExplanation(task, node.receiptAccount.address)
  await checkClaim()
})

async function checkOutput(
  prepared: PreparedOrder,
  recipient: Awaited<ReturnType<typeof generateEnvelopeKeyPair>>,
  played: PlayedAttempt,
) {
  const { task } = prepared
  const { node } = played
  const fetched = await fetchOutput(requester, task)
  expect(sha256(fetched.sealed)).toBe(played.outputDigest)
  const opened = await openOutput(recipient, fetched.sealed, task)
  expect(opened).toMatchObject({ attempt: 1, metrics: { accuracy: 0.97 } })
  expect(opened.outputs.map((output) => [output.name, parseUtf8(output.bytes)])).toEqual([
    ['model.onnx', 'a model'],
  ])
  const other = await generateEnvelopeKeyPair()
  expect((await failure(openOutput(other, fetched.sealed, task))).code).toBe('wrong-key')
  const elsewhere: Hex = `0x${'77'.repeat(32)}`
  expect(await failure(openOutput(recipient, fetched.sealed, elsewhere))).toBeInstanceOf(
    MalformedError,
  )
  const changed = fetched.sealed.slice()
  changed[changed.length - 1]! ^= 1
  expect((await failure(openOutput(recipient, changed, task))).code).toBe('tampered')
  const cut = fetched.sealed.slice(0, 3)
  expect(await failure(openOutput(recipient, cut, task))).toBeInstanceOf(MalformedError)
  // The node gives other bytes: nobody else has them, then a verifier has.
  node.tamper = { object: (bytes) => bytes.map((byte) => byte ^ 1) }
  expect((await failure(fetchOutput(requester, task))).code).toBe('output-withheld')
  world.verifiers[2]!.objects.set(played.outputDigest.slice(2), fetched.sealed)
  expect((await fetchOutput(requester, task)).sealed).toEqual(fetched.sealed)
  node.tamper = {}
  const honest = node.posted.get(`${task}/1`)
  node.posted.set(`${task}/1`, { ...Object(honest), receiptSignature: `0x${'01'.repeat(64)}1b` })
  expect((await failure(fetchOutput(requester, task))).message).toMatch(/another receipt/)
  node.posted.set(`${task}/1`, honest)
}

async function checkReceipt(task: Hex) {
  await world.home.client.mine({ blocks: 4 })
  const file = await collectReceipt(requester, task)
  const read = parseReceiptFile(encodeReceiptFile(file))
  const facts = await verifyReceiptFile(read, world.deployment)
  expect(facts.filter(({ proved }) => !proved)).toEqual([])
  expect(facts.length).toBeGreaterThan(20)
  const forged = { ...read, receipt: { ...read.receipt, outputDigest: sha256('0x00') } }
  const wrong = (await verifyReceiptFile(forged, world.deployment)).filter(({ proved }) => !proved)
  expect(wrong.map(({ name }) => name)).toContain('receipt')
  for (const verifier of world.verifiers.slice(0, 2)) verifier.tamper = { silent: true }
  expect((await failure(collectReceipt(requester, task))).code).toBe('receipt-incomplete')
  for (const verifier of world.verifiers) verifier.tamper = {}
}

async function checkExplanation(task: Hex, node: Hex) {
  const explained = await explainTask(requester, task)
  expect(explained.state).toBe('settled')
  expect(explained.draws).toHaveLength(1)
  expect(explained.draws[0]).toMatchObject({ attempt: 1, drawn: node, agrees: true })
  expect(explained.draws[0]?.tries.at(-1)?.candidate.node).toBe(node)
  expect(explained.lines.join('\n')).toMatch(/comes to the same/)
}

async function checkClaim() {
  const earned = parseEther('7')
  const steal = { payout: () => [{ account: world.stranger.address, cumulativeWei: 10n ** 21n }] }
  for (const verifier of world.verifiers.slice(0, 2)) verifier.tamper = steal
  expect((await failure(claimOnSpoke(owner, 31338))).code).toBe('payout-unproven')
  // Members that count up to different blocks are asked for one height; one far behind does not matter.
  await world.home.client.mine({ blocks: 4 })
  for (const [index, verifier] of world.verifiers.entries())
    verifier.tamper = { lagBlocks: [0n, 1n, 3n, 40n][index] ?? 0n }
  const claim = await claimOnSpoke(owner, 31338)
  for (const verifier of world.verifiers) verifier.tamper = {}
  expect(claim).toMatchObject({ account: world.owner.address, amountWei: earned })
  expect(claim.rootTransaction).toMatch(/^0x/)
  const token = world.deployment.spokes[0]!.contracts.token
  const balance = await world.spoke.client.readContract({
    address: token,
    abi: [
      {
        type: 'function',
        name: 'balanceOf',
        stateMutability: 'view',
        inputs: [{ type: 'address' }],
        outputs: [{ type: 'uint256' }],
      },
    ],
    functionName: 'balanceOf',
    args: [world.owner.address],
  })
  expect(balance).toBe(earned)
  expect((await failure(claimOnSpoke(owner, 31338))).code).toBe('nothing-to-claim')
}

const refusals: readonly (readonly [string, Partial<GrantTerms>, string, RegExp])[] = [
  ['for another app', { apps: [`0x${'ab'.repeat(32)}`] }, 'grant-refused', /apps/],
  [
    'for another requester',
    { requesters: [`0x${'cd'.repeat(20)}`] },
    'grant-refused',
    /requesters/,
  ],
  ['that has expired', { notBefore: 1n, expiry: 2n }, 'expired', /expiry/],
  ['that is not valid yet', { notBefore: 3_999_999_999n }, 'grant-refused', /notBefore/],
  ['with less output', { outputBytesMax: 10 }, 'grant-refused', /outputBytesMax/],
  [
    'for nodes that there are not',
    { operators: [`0x${'ef'.repeat(20)}`] },
    'no-eligible-node',
    /operators/,
  ],
  ['for a higher tier', { tierMin: 2 }, 'no-eligible-node', /tier/],
  [
    'for another measurement',
    { runtimes: [`0x${'12'.repeat(32)}`] },
    'order-refused',
    /measurements/,
  ],
]

test.for(refusals)(
  'an order with a grant %s is refused before it costs anything',
  async ([, more, code, reason]) => {
    const { prepared } = await order(more)
    const before = await balances(requester)
    const error = await failure(placeOrder(requester, prepared, { depositMissing: true }))
    expect(error).toBeInstanceOf(OperationError)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(reason)
    expect(await balances(requester)).toEqual(before)
    expect((await failure(readTask(requester, prepared.task))).code).toBe('task-unknown')
  },
)

test('a revoked grant is refused, one by one and all at once, and later grants hold', async () => {
  const one = await order()
  await revokeGrant(owner, one.grants[0]!.digest)
  expect(await codes(one.prepared)).toContain('grant-refused')
  const all = await order()
  await revokeAll(owner)
  expect(await codes(all.prepared)).toContain('grant-refused')
  const later = await order()
  expect(await codes(later.prepared)).not.toContain('grant-refused')
})

test('a grant survives being handed over; one that was changed, or signed by another, is refused', async () => {
  const { grants } = await order()
  const [grant, other] = grants
  const text = encodeSignedGrant(owner, grant!)
  expect(parseSignedGrant(requester, text)).toEqual(grant)
  const forged: SignedGrant = { ...grant!, signature: other!.signature }
  const recipient = await generateEnvelopeKeyPair()
  const terms = { app, grants: [forged, other!], recipientPublicKey: recipient.publicKey }
  const found = await preflightOrder(requester, await prepareOrder(requester, terms))
  expect(found.problems.map(({ detail }) => detail).join()).toMatch(/signature/)
  expect(() => parseSignedGrant(requester, text.replace('"usesMax":1', '"usesMax":-1'))).toThrow(
    /usesMax/,
  )
  expect((await failure(grantTo(owner, data.asset, { apps: [] }))).code).toBe('grant-refused')
})

test('an order outside the market’s bounds is refused with the field', async () => {
  for (const [terms, field] of [
    [{ feeWei: 5n }, /feeWei/],
    [{ attemptSeconds: 1 }, /attemptSeconds/],
    [{ expiry: 4_000_000_000n }, /expiry/],
    [{ attemptsMax: 200 }, /attemptsMax/],
  ] as const) {
    const { prepared } = await order({}, terms)
    expect(
      (await failure(placeOrder(requester, prepared, { depositMissing: true }))).message,
    ).toMatch(field)
  }
})

test('too little money is said with the amounts', async () => {
  const { prepared } = await order({}, { feeWei: parseEther('5000') })
  const error = await failure(placeOrder(requester, prepared, { depositMissing: true }))
  expect(error.code).toBe('insufficient-funds')
  expect((await failure(withdraw(requester, parseEther('9999')))).code).toBe('insufficient-funds')
})

test('what the chain refuses by itself is named, through the contracts that were called', async () => {
  const { prepared } = await order({}, { feeWei: parseEther('5000') })
  expect(await failure(place(prepared))).toMatchObject({ code: 'insufficient-funds' })
  const refused = await order({ apps: [`0x${'ab'.repeat(32)}`] })
  const error = await failure(place(refused.prepared))
  expect(error).toMatchObject({ code: 'reverted' })
  expect(error.message).toMatch(/GrantOmitsApp/)
})

const place = ({ order: placed, grants }: PreparedOrder) =>
  sendCall(requester.chain, 'place', {
    address: world.contracts.market,
    abi: marketAbi,
    functionName: 'place',
    args: [placed, grants.map(({ grant }) => grant), grants.map(({ signature }) => signature)],
  })

test('two transactions of one account at once both get through', async () => {
  await world.home.client.setAutomine(false)
  await world.home.client.setIntervalMining({ interval: 1 })
  const chains = [31338, 31337].map((chainId) => setPayoutChain(owner, chainId))
  expect(new Set(await Promise.all(chains)).size).toBe(2)
  await world.home.client.setIntervalMining({ interval: 0 })
  await world.home.client.setAutomine(true)
})

async function codes(prepared: PreparedOrder): Promise<readonly string[]> {
  return (await preflightOrder(requester, prepared)).problems.map(({ code }) => code)
}
