import { encodeUtf8, type Bytes, type Json } from '@cloister/codec'
import { messageToJson, parseMessage, reportData } from '@cloister/protocol'
import { generateEnvelopeKeyPair } from '@cloister/seal'
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { askDstackAgent } from '../src/evidence-drivers/dstack-agent.ts'
import { people } from './world/home-chain.ts'
import { sha256, startNetwork, type Network } from './world/network.ts'
import {
  captureRequest,
  leakedAccount,
  object,
  outcomeOf,
  signedBy,
  type Capture,
} from './world/requests.ts'
import { restart } from './world/restart.ts'
import { placeTask, sealAsset, type SealedAsset } from './world/tasks.ts'
import { hex, TestHost } from './world/test-host.ts'

const keys = vi.hoisted((): Hex[] => [])
vi.mock('viem/accounts', async (importOriginal) => {
  const real = await importOriginal<typeof import('viem/accounts')>()
  const noted = () => {
    const key = real.generatePrivateKey()
    keys.push(key)
    return key
  }
  return { ...real, generatePrivateKey: noted }
})

let network: Network
let assets: SealedAsset[]
beforeAll(async () => {
  network = await startNetwork({ sealing: true })
  assets = [
    await sealAsset(network, people.owners[0], encodeUtf8('1,2,a\n2,1,b\n')),
    await sealAsset(network, people.requester, encodeUtf8('not parameters')),
  ]
}, 120_000)
afterAll(() => network?.stop())

const keeper = () => network.nodes[0]!
const again = () => recover(assets[0]!)
const recover = ({ asset }: SealedAsset) =>
  keeper().host.ask('recovery.start', { asset, shareIndex: 0 })
/** The same request for the first keeper's share. */
const toKeeper = async ({ node, request }: Capture, bundle = request['bundle']!) =>
  signedBy(network, leakedAccount(keys, node), { ...request, bundle, shareIndex: 0 })

/** A request of another node than the keeper's own: that one's record goes when it restarts. */
async function captureElsewhere(): Promise<Capture> {
  for (;;) {
    const capture = await captureRequest(network, assets)
    if (capture.node !== keeper()) return capture
  }
}

/** What is drawn from now on is later than all that enclaves saw when they started. */
async function later(): Promise<void> {
  await network.chain.client.increaseTime({ seconds: 2 })
  await network.chain.client.mine({ blocks: 1 })
}

/** Genuine evidence of the same attempt for another fresh key: what a clone of the node's enclave would show. */
async function secondEvidence(capture: Capture): Promise<Record<string, Json>> {
  const bundle = object(capture.request['bundle']!)
  const fresh = (await generateEnvelopeKeyPair()).publicKey
  const binding = {
    ...parseMessage('AttemptBinding', bundle['binding']!, 'binding'),
    freshKeyHash: sha256(fresh),
  }
  const data = reportData(network.chain.domain, 'AttemptBinding', binding)
  const quote = hex(await askDstackAgent(capture.node.guestSocket, data))
  return toKeeper(capture, {
    ...bundle,
    evidence: { tee: 'tdx', quote },
    freshPublicKey: hex(fresh),
    binding: messageToJson('AttemptBinding', binding),
  })
}

test('a restarted keeper opens its own newest state, once the others know of nothing newer, and releases', async () => {
  const newest = keeper().host.sealedStates.at(-1)!
  expect(newest.length).toBeGreaterThan(500)
  await restart(network, keeper(), assets, newest)
  // Nothing counts before the others were asked.
  const early = await captureRequest(network, assets)
  expect(await outcomeOf(network, keeper().host, await toKeeper(early))).toBe(7)
  expect(await again()).toMatchObject({ from: 'sealed' })
  expect(await recover(assets[1]!)).toMatchObject({ from: 'sealed' })
  await later()
  const capture = await captureRequest(network, assets)
  expect(await outcomeOf(network, keeper().host, await toKeeper(capture))).toBe('released')
})

test('sealed bytes hold no share, and open on no other machine', async () => {
  const [state] = keeper().host.sealedStates.slice(-1)
  for (const { deposits } of assets)
    expect(Buffer.from(state!).includes(Buffer.from(deposits[0]!.commitment.slice(2), 'hex'))).toBe(
      false,
    )
  const other = network.nodes[1]!
  await restart(network, other, assets, state)
  expect(await other.host.ask('state.open', {})).toMatchObject({ shares: 0 })
  // It is no loss: the others re-share.
  for (const { asset } of assets)
    expect(await other.host.ask('recovery.start', { asset, shareIndex: 1 })).toMatchObject({
      from: 'keepers',
    })
})

test('every earlier state of a keeper’s disk gives nothing to anybody, and the keeper says why', async () => {
  const block = await network.chain.client.getBlock()
  const oneUse = (nonce: bigint) => ({
    ...{ usesMax: 1, nonce, notBefore: block.timestamp - 10n, expiry: block.timestamp + 3000n },
  })
  const captures: Capture[] = []
  const states: Bytes[] = []
  for (let number = 0; number < 5; number++) {
    const capture = await captureRequest(network, assets, oneUse(1000n + BigInt(number)))
    expect(await outcomeOf(network, keeper().host, await toKeeper(capture))).toBe('released')
    captures.push(capture)
  }
  states.push(...keeper().host.sealedStates)
  expect(states.length).toBeGreaterThan(captures.length)
  const newest = states.pop()!

  for (const [step, state] of states.entries()) {
    await restart(network, keeper(), assets, state)
    await expect(again(), `state ${step} of ${states.length}`).rejects.toMatchObject({
      code: 'keeper-silent',
      message: expect.stringContaining('it is an older one'),
    })
    for (const capture of captures)
      for (const request of [await toKeeper(capture), await secondEvidence(capture)])
        expect(await outcomeOf(network, keeper().host, request)).toBe('keeper-silent')
  }
  // The chain counts too: no second task under a grant of one use.
  await expect(placeTask(network, assets, oneUse(1000n))).rejects.toThrow(/GrantUsedUp|reverted/)

  await restart(network, keeper(), assets, newest)
  expect(await again()).toMatchObject({ from: 'sealed' })
  await later()
}, 300_000)

test('what was shown first for an attempt outlives a restart, sealed or handed on by the others', async () => {
  const capture = await captureElsewhere()
  expect(await outcomeOf(network, keeper().host, await toKeeper(capture))).toBe('released')
  const second = await secondEvidence(capture)
  const refusal = async () => {
    const asked = keeper().host.ask('release', second)
    return asked.then(
      ({ refusal: signed }) => object(signed!)['reason'],
      (error: unknown) => (error instanceof Error ? error.message : ''),
    )
  }
  await restart(network, keeper(), assets, keeper().host.sealedStates.at(-1))
  expect(await again()).toMatchObject({ from: 'sealed' })
  expect(await refusal()).toContain('has released to this attempt before')
  await restart(network, keeper(), assets)
  expect(await again()).toMatchObject({ from: 'keepers' })
  expect(await refusal()).toBe(6)
  await recover(assets[1]!)
  await later()
})

test('a host that comes back with an older journal finds its keeper silent', async () => {
  const first = await captureRequest(network, assets)
  expect(await outcomeOf(network, keeper().host, await toKeeper(first))).toBe('released')
  const { host: before, socketPath } = keeper()
  before.disconnect()
  await new Promise((resolve) => setTimeout(resolve, 200))
  const host = new TestHost(network.world)
  host.journal.push(...before.journal.slice(0, -1))
  await host.connect(socketPath)
  Object.assign(keeper(), { host })
  const next = await captureRequest(network, assets)
  expect(await outcomeOf(network, host, await toKeeper(next))).toBe('keeper-silent')
  // A fresh start and the others' help: it is silent for nothing that it does not know any more.
  await restart(network, keeper(), assets)
  for (const asset of assets) expect(await recover(asset)).toMatchObject({ from: 'keepers' })
  await later()
})

test('keepers that forgot everything release to no attempt that was drawn before', async () => {
  const capture = await captureRequest(network, assets)
  const second = await secondEvidence(capture)
  const account = leakedAccount(keys, capture.node)
  // Both keepers besides the node's own forget the release: their states are from before it, and agree with one another.
  const before = network.nodes.map(({ host }) => host.sealedStates.at(-1))
  for (const [shareIndex, node] of network.nodes.entries()) {
    const request = await signedBy(network, account, { ...capture.request, shareIndex })
    if (node !== capture.node) expect(await outcomeOf(network, node.host, request)).toBe('released')
  }
  for (const [index, node] of network.nodes.entries())
    if (node !== capture.node) await restart(network, node, assets, before[index])
  const outcomes = new Set<string | number>()
  for (const [shareIndex, node] of network.nodes.entries()) {
    if (node === capture.node) continue
    // The third has seen the record of one of them, or of none: who countersigned is a matter of order.
    for (const { asset } of assets)
      await node.host.ask('recovery.start', { asset, shareIndex }).catch(() => undefined)
    const request = await signedBy(network, account, { ...second, shareIndex })
    outcomes.add(await outcomeOf(network, node.host, request))
  }
  expect([...outcomes].filter((each) => each !== 'keeper-silent' && each !== 7)).toEqual([])
})
