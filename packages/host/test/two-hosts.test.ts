import { fetchJson } from '@cloister/io'
import { AnswerError, messageToJson, nodeRegistryAbi, zeroHash } from '@cloister/protocol'
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { startHost } from '../src/index.ts'
import { people } from './home-chain.ts'
import { sha256Of } from './objects.ts'
import { recordOf, type EnclaveStandIn } from './stand-ins.ts'
import {
  mineUntil,
  registerAsset,
  startEnclave,
  startNode,
  startWorld,
  testLog,
  type World,
} from './world.ts'

let world: World
let first: Awaited<ReturnType<typeof startNode>>
let second: Awaited<ReturnType<typeof startNode>>

beforeAll(async () => {
  world = await startWorld()
  first = await startNode(world)
  second = await startNode(world, { operator: people.operators[1] })
  await certified(first.enclave)
  await certified(second.enclave)
  // The first host hears of the second by the chain's logs, a moment later.
  const { asset, register } = await registerAsset(world)
  await register()
  await mineUntil(world, async () => (await nodesOf(asset)) === 2)
}, 60_000)
afterAll(async () => {
  for (const { enclave, host } of [first, second]) {
    await host.stop()
    enclave.close()
  }
  await world.stop()
})

/** How many nodes the first host tells its enclave of. */
async function nodesOf(asset: Hex): Promise<number> {
  const told = await first.enclave
    .host()
    .request('chain.keepers', { asset })
    .catch(() => undefined)
  const nodes = told === undefined ? undefined : recordOf(told.result)['nodes']
  return Array.isArray(nodes) ? nodes.length : 0
}

function certified(enclave: EnclaveStandIn): Promise<void> {
  const { chain, contracts } = world.home
  const args = [enclave.account.address] as const
  return mineUntil(world, () =>
    chain.read({
      address: contracts.nodeRegistry,
      abi: nodeRegistryAbi,
      functionName: 'certified',
      args,
    }),
  )
}

const toSecond = (method: string, body = {}) => ({
  operator: people.operators[1].address.toLowerCase(),
  method,
  body,
})

test.for(['release', 'countersign', 'recovery.blind', 'recovery.part'])(
  'an enclave reaches the other keeper by %s',
  async (method) => {
    second.enclave.methods.set(method, async (params) => ({ heard: params }))
    const { result } = await first.enclave.host().request('keeper.call', toSecond(method, { a: 1 }))
    expect(result).toEqual({ heard: { a: 1 } })
  },
)

const call = (bytes: number) =>
  first.enclave.host().request('keeper.call', toSecond('release', { bundle: 'x'.repeat(bytes) }))

test('a body of four MiB reaches the other keeper, one of five does not', async () => {
  second.enclave.methods.set('release', async (params) => JSON.stringify(params).length)
  expect((await call(4 * 2 ** 20)).result).toBeGreaterThan(4 * 2 ** 20)
  await expect(call(5 * 2 ** 20)).rejects.toMatchObject({ code: 'too-large' })
})

test('what the other enclave refuses with comes back with its code and words', async () => {
  second.enclave.methods.set('release', async () => {
    throw new AnswerError('keeper-full', 'Cannot hold more than so many shares')
  })
  const calling = first.enclave.host().request('keeper.call', toSecond('release'))
  await expect(calling).rejects.toMatchObject({
    code: 'keeper-full',
    message: expect.stringContaining('Cannot hold more'),
  })
})

test.for([
  [
    'a keeper that has no node',
    { ...toSecond('release'), operator: zeroHash.slice(0, 42) },
    'keeper-unknown',
  ],
  ['a method that is none of keepers', toSecond('attempt.run'), 'unknown-method'],
  ['a method of Object', toSecond('constructor'), 'unknown-method'],
  ['an operator that is no address', { ...toSecond('release'), operator: '0x12' }, 'malformed'],
  ['a field too many', { ...toSecond('release'), more: 1 }, 'malformed'],
] as const)('%s is refused', async ([, params, code]) => {
  await expect(first.enclave.host().request('keeper.call', params)).rejects.toMatchObject({ code })
})

test('an object is fetched from the peer that has it, and handed to the enclave in parts', async () => {
  const bytes = new Uint8Array(100_000).fill(7)
  const digest = sha256Of([...bytes])
  const put = await fetch(`${second.host.url}/v1/objects/${digest}`, { method: 'PUT', body: bytes })
  expect(put.status).toBe(201)
  const ask = { digest, offset: 99_990, length: 100 }
  const answer = await first.enclave.host().request('store.get', ask)
  expect(answer.result).toEqual({ size: 100_000 })
  expect([...answer.bytes]).toEqual(Array.from({ length: 10 }, () => 7))
  const head = await fetch(`${first.host.url}/v1/objects/${digest}`, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '100000'])
})

test('an object that nobody has is absent everywhere, and nobody asks in circles', async () => {
  const digest = sha256Of([1, 2, 3, 4, 5])
  const asking = first.enclave.host().request('store.get', { digest, offset: 0, length: 1 })
  await expect(asking).rejects.toMatchObject({ code: 'object-absent', retryable: true })
  const started = Date.now()
  const response = await fetch(`${first.host.url}/v1/objects/${digest}`)
  expect(response.status).toBe(404)
  expect(Date.now() - started).toBeLessThan(2_000)
})

test('a restarted enclave gets the shares back that were there before it', async () => {
  const asset = await registerAsset(world)
  first.enclave.methods.set('share.deposit', async () => ({ ack: 'ack', signature: '0x' }))
  const deposit = {
    asset: asset.asset,
    shareIndex: 0,
    commitment: asset.commitments[0]!,
    envelope: '0x1234',
    policy: messageToJson('KeeperPolicy', asset.policy),
    policySignature: asset.policySignature,
  }
  await fetchJson(`${first.host.url}/v1/shares`, { json: deposit })
  await asset.register()
  await mineUntil(world, async () => (await nodesOf(asset.asset)) === 2)
  // This enclave was admitted before any asset was registered: it waits for its owners.
  expect(first.enclave.asked.map(({ method }) => method)).not.toContain('recovery.start')

  const { config } = first
  first.enclave.close()
  expect(await first.host.ended).toMatchObject({ kind: 'enclave-gone' })
  const enclave = await startEnclave(world)
  const started: unknown[] = []
  enclave.methods.set('recovery.start', async (params) => {
    started.push(params)
    return { ack: 'ack', signature: '0x' }
  })
  const host = await startHost({ ...config, enclaveSocket: enclave.path }, { log: testLog })
  first = { enclave, host, config }
  await mineUntil(world, () => started.length > 1)
  expect(started).toContainEqual({ asset: asset.asset, shareIndex: 0 })
  // Its policy came with the first deposit, and is still known to this host.
  const { result } = await enclave.host().request('chain.keepers', { asset: asset.asset })
  expect(recordOf(result)['policy']).toEqual(messageToJson('KeeperPolicy', asset.policy))
})
