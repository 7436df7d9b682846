import { encodeUtf8, type Json } from '@cloister/codec'
import { appRegistryAbi, parseMessage } from '@cloister/protocol'

import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

import { people } from './world/home-chain.ts'
import { admit, startNetwork, startOn, type Network } from './world/network.ts'
import { placeTask, sealAsset, type SealedAsset } from './world/tasks.ts'
import { captureRequest, leakedAccount, object, outcomeOf, signedBy } from './world/requests.ts'
import { textOf, type TestHost } from './world/test-host.ts'

// A TEE that leaks: the enclaves' real keys are noted as they are made, so that a node's own lies can be signed.
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
  network = await startNetwork()
  const rows = encodeUtf8('1,2,a\n2,1,b\n')
  assets = [
    await sealAsset(network, people.owners[0], rows),
    await sealAsset(network, people.requester, encodeUtf8('not parameters')),
  ]
}, 120_000)
afterAll(() => network?.stop())

const captured = (changes: Parameters<typeof placeTask>[2] = {}) =>
  captureRequest(network, assets, changes)
const reasonOf = (keeper: TestHost, request: Json) => outcomeOf(network, keeper, request)
describe('a host that lies', () => {
  test.for([
    ['a checkpoint for another nonce', { nonce: `0x${'44'.repeat(32)}` }, 4],
    ['a checkpoint of another chain', { chainId: 1n }, 4],
    ['a checkpoint of another committee', { committee: 7n }, 4],
    ['a checkpoint with another time', { blockTime: 5n }, 4],
    ['a checkpoint that two of four signed', {}, 2],
  ] as const)('gets no release for %s', async ([, changes, signers]) => {
    const { keeper, request } = await captured()
    keeper.lies['chain.checkpoint'] = async ({ nonce }) => {
      const asked: Hex = `0x${textOf(nonce).slice(2)}`
      const { checkpoint, signatures } = await keeper.checkpoint(asked, changes)
      const shown = signatures.slice(0, signers)
      return { result: await keeper.checkpointAnswer(checkpoint, shown) }
    }
    const outcome = await reasonOf(keeper, request)
    delete keeper.lies['chain.checkpoint']
    expect(outcome).toBe('checkpoint-refused')
  })

  test('gets no release for a block older than one that the enclave has seen', async () => {
    const { keeper, request } = await captured()
    const head = await network.chain.client.getBlockNumber()
    keeper.lies['chain.checkpoint'] = async ({ nonce }) => {
      const asked: Hex = `0x${textOf(nonce).slice(2)}`
      const { checkpoint, signatures } = await keeper.checkpoint(asked, {}, head - 3n)
      return { result: await keeper.checkpointAnswer(checkpoint, signatures) }
    }
    const outcome = await reasonOf(keeper, request)
    delete keeper.lies['chain.checkpoint']
    expect(outcome).toBe('checkpoint-refused')
  })

  test('gets no release for a storage proof that is not one', async () => {
    const { keeper, request } = await captured()
    keeper.lies['chain.proof'] = async (_params, honest) => {
      const { result } = await honest()
      const proof = object(JSON.parse(JSON.stringify(result)))
      const [first] = Array.isArray(proof['storageProofs']) ? proof['storageProofs'] : []
      const nodes = object(first ?? null)['proof']
      if (Array.isArray(nodes)) object(first ?? null)['proof'] = nodes.slice(0, -1)
      return { result: proof }
    }
    await expect(keeper.ask('release', request)).rejects.toThrow()
    delete keeper.lies['chain.proof']
  })

  test.for([
    ['a part of an input', () => assets[0]!.parts[0]!, /part 0 of 1, .* bytes were changed/],
    ['the parts list of an input', () => assets[0]!.root, /its bytes are others/],
  ] as const)('cannot swap %s for other bytes', async ([, digest, reason]) => {
    const { task, node } = await placeTask(network, assets)
    node.host.lies['store.get'] = async (params, honest) => {
      const { result, bytes } = await honest()
      if (params['digest'] !== digest().slice(2)) return { result, bytes: bytes! }
      const swapped = bytes!.slice()
      swapped[60]! ^= 1
      return { result, bytes: swapped }
    }
    await expect(node.host.ask('attempt.run', { task, attempt: 1 })).rejects.toThrow(reason)
    delete node.host.lies['store.get']
  })

  test('cannot run an attempt that the chain has not drawn its node for', async () => {
    const { task, node } = await placeTask(network, assets)
    const other = network.nodes.find((each) => each !== node)!
    await expect(other.host.ask('attempt.run', { task, attempt: 1 })).rejects.toThrow(
      'does not run it on this node',
    )
    await expect(node.host.ask('attempt.run', { task, attempt: 2 })).rejects.toThrow(
      'does not run it on this node',
    )
  })

  test('learns of an app that failed nothing but that, three times at most', async () => {
    const { task, node } = await placeTask(network, assets)
    const run = () => node.host.ask('attempt.run', { task, attempt: 1 })
    for (let runs = 0; runs < 3; runs++)
      await expect(run()).rejects.toMatchObject({
        code: 'app-failed',
        message: 'attempt.run: The app gave no result',
      })
    await expect(run()).rejects.toMatchObject({ code: 'attempt-spent' })
  })

  test('cannot have its enclave ask keepers under a grant signature that is not the owner’s', async () => {
    const { task, node } = await placeTask(network, assets)
    node.host.lies['chain.order'] = async (_params, honest) => {
      const told = object((await honest()).result)
      const signatures = Array.isArray(told['grantSignatures']) ? told['grantSignatures'] : []
      return { result: { ...told, grantSignatures: signatures.map(() => signatures[1]!) } }
    }
    await expect(node.host.ask('attempt.run', { task, attempt: 1 })).rejects.toThrow(
      'signature of grants[0]',
    )
    delete node.host.lies['chain.order']
  })
})

test('a restarted keeper regains its share from the two others, and nobody else does', async () => {
  const lost = network.nodes[2]!
  await lost.enclave.close()
  const restarted = await startOn(network, lost.guestSocket)
  lost.host = restarted.host
  lost.enclave = restarted.enclave
  await admit(network, lost)
  await network.chain.client.mine({ blocks: 3 })
  const told = object(network.world.keepers.get(assets[0]!.asset)!)
  told['nodes'] = network.nodes.map(({ operator, host }) => ({
    operator: operator.address.toLowerCase(),
    receiptKey: host.hello['receiptKey']!,
    sharePublicKey: host.hello['sharePublicKey']!,
  }))
  const { asset } = assets[0]!
  // Share 0 belongs to another operator.
  await expect(lost.host.ask('recovery.start', { asset, shareIndex: 0 })).rejects.toThrow(
    'is not kept by',
  )
  const capture = await captured()
  const account = leakedAccount(keys, capture.node)
  const request = await signedBy(network, account, { ...capture.request, shareIndex: 2 })
  expect(await reasonOf(lost.host, request)).toBe(7)

  const start = () => lost.host.ask('recovery.start', { asset, shareIndex: 2 })
  const asked: Record<string, Json>[] = []
  lost.host.lies['keeper.call'] = async (params) => {
    asked.push(params)
    throw new Error('cut')
  }
  await expect(start()).rejects.toThrow()
  delete lost.host.lies['keeper.call']
  await setApproved(false)
  for (const { operator, method, body } of asked)
    await expect(
      network.world.nodeOf(textOf(operator))!.ask(textOf(method), body!),
    ).rejects.toMatchObject({ code: 'recovery-refused' })
  expect(asked).toHaveLength(2)
  await expect(start()).rejects.toThrow('is not a certified node')
  await setApproved(true)

  const answer = await start()
  const ack = parseMessage('ShareAck', answer['ack']!, 'ack')
  expect(ack.receiptKey.toLowerCase()).toBe(lost.host.hello['receiptKey'])
  expect(await reasonOf(lost.host, request)).toBe('released')
})

async function setApproved(approved: boolean): Promise<void> {
  const { appRegistry } = network.chain.contracts
  const args = [network.measurement, approved]
  await network.chain.send(people.governance, appRegistry, appRegistryAbi, 'setMeasurement', args)
  await network.chain.client.mine({ blocks: 3 })
}
