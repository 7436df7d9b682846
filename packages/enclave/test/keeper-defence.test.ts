import { encodeUtf8, type Json } from '@cloister/codec'
import { chainCells, messageDigest, messageToJson } from '@cloister/protocol'
import { pad, toHex, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'

import type { ShareStore } from '../src/keeper/share-store.ts'
import { people } from './world/home-chain.ts'
import { startNetwork, type Network } from './world/network.ts'
import {
  captureRequest,
  changed,
  leakedAccount,
  object,
  outcomeOf,
  signedBy,
} from './world/requests.ts'
import { placeTask, sealAsset, type SealedAsset } from './world/tasks.ts'
import { textOf, type TestHost } from './world/test-host.ts'

// The enclaves' real keys and stores, noted as they are made.
const noted = vi.hoisted(() => ({ keys: new Array<Hex>(), stores: new Array<ShareStore>() }))
vi.mock('viem/accounts', async (importOriginal) => {
  const real = await importOriginal<typeof import('viem/accounts')>()
  const generate = () => {
    const key = real.generatePrivateKey()
    noted.keys.push(key)
    return key
  }
  return { ...real, generatePrivateKey: generate }
})
vi.mock('../src/keeper/share-store.ts', async (importOriginal) => {
  const real = await importOriginal<typeof import('../src/keeper/share-store.ts')>()
  class Noted extends real.ShareStore {
    constructor() {
      super()
      noted.stores.push(this)
    }
  }
  return { ...real, ShareStore: Noted }
})

let network: Network
let assets: SealedAsset[]
beforeAll(async () => {
  network = await startNetwork()
  assets = [
    await sealAsset(network, people.owners[0], encodeUtf8('1,2,a\n2,1,b\n')),
    await sealAsset(network, people.requester, encodeUtf8('not parameters')),
  ]
}, 120_000)
afterAll(() => network?.stop())
afterEach(() => {
  for (const { host } of network.nodes)
    for (const name of Object.keys(host.lies)) delete host.lies[name]
})

const captured = () => captureRequest(network, assets)
const outcome = (keeper: TestHost, request: Json) => outcomeOf(network, keeper, request)
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

test('a countersignature counts only from the certified node of the operator that was asked', async () => {
  const { keeper, request } = await captured()
  const stranger = privateKeyToAccount(generatePrivateKey())
  keeper.lies['keeper.call'] = async ({ body }) => {
    const { release } = object(body!)
    const message = { release: releaseDigest(release!), countersigner: stranger.address }
    const hash = messageDigest(network.chain.domain, 'Countersignature', message)
    const countersigner = stranger.address.toLowerCase()
    return { result: { countersignature: await stranger.sign({ hash }), countersigner } }
  }
  await expect(keeper.ask('release', request)).rejects.toThrow('is not a certified node')
  keeper.lies['keeper.call'] = async ({ operator, body }) => {
    const other = network.nodes.find(
      (node) => node.host !== keeper && node.operator.address.toLowerCase() !== operator,
    )!
    return { result: await other.host.ask('countersign', body!) }
  }
  await expect(keeper.ask('release', request)).rejects.toThrow('is not a node of')
  delete keeper.lies['keeper.call']
  expect(await outcome(keeper, request)).toBe('released')
})

test('what a keeper countersigns is on its host’s disk before', async () => {
  const { keeper, request } = await captured()
  const others = network.nodes.map(({ host }) => host).filter((host) => host !== keeper)
  for (const host of others)
    host.lies['journal.append'] = async ({ entry }, honest) => {
      if (object(entry!)['kind'] === 'countersigned') throw new Error('disk full')
      return honest()
    }
  expect(await outcome(keeper, request)).toBe('no-countersignature')
  for (const host of others) delete host.lies['journal.append']
  const answer = await keeper.ask('release', request)
  const countersigner = others.find(
    ({ hello }) => hello['receiptKey'] === textOf(answer['countersigner']).toLowerCase(),
  )!
  expect(countersigner.journal).toContainEqual({
    kind: 'countersigned',
    record: answer['release'],
    signature: answer['signature'],
  })
})

test('strangers’ deposits push no share out that the chain bears out, and replace none', async () => {
  const { keeper, request } = await captured()
  const index = network.nodes.findIndex(({ host }) => host === keeper)
  const [{ asset, owner, policy, deposits }] = [assets[0]!]
  const lenient = { ...policy, expiry: policy.expiry + 1n }
  const hash = messageDigest(network.chain.domain, 'KeeperPolicy', lenient)
  await keeper.ask('share.deposit', {
    ...deposits[index]!,
    policy: messageToJson('KeeperPolicy', lenient),
    policySignature: await owner.sign({ hash }),
  })
  for (const store of noted.stores)
    for (let number = 0; number < 1000; number++) {
      const word = pad(toHex(number))
      const place = { asset: word, shareIndex: 0, commitment: word, policyDigest: word }
      store.keep({ ...place, share: new Uint8Array(33), xs: new Uint8Array(3) })
    }
  expect(noted.stores).toHaveLength(3)
  expect(asset).toBe(request['asset'])
  expect(await outcome(keeper, request)).toBe('released')
})

test('a height that the committee did not sign makes nobody wait, and a signed one out of reach not for long', async () => {
  const { node, keeper, request } = await captured()
  const account = leakedAccount(noted.keys, node)
  let looks = 0
  keeper.lies['chain.checkpoint'] = (_params, honest) => {
    looks++
    return honest()
  }
  const shown = object(object(request['bundle']!)['checkpoint']!)
  const far = changed(request, (bundle) => {
    bundle['checkpoint'] = { ...shown, height: '1000000' }
  })
  expect(await outcome(keeper, await signedBy(network, account, far))).toBe('checkpoint-refused')
  expect(looks).toBe(0)

  const height = (await network.chain.client.getBlockNumber()) + 10n
  const nonce: Hex = `0x${textOf(shown['nonce']).slice(2)}`
  const { checkpoint, signatures } = await keeper.checkpoint(nonce, { height })
  const ahead = changed(request, (bundle) => {
    bundle['checkpoint'] = messageToJson('Checkpoint', checkpoint)
    bundle['checkpointSignatures'] = signatures
  })
  const asked = await signedBy(network, account, ahead)
  expect(await outcome(keeper, asked)).toBe('checkpoint-refused')
  expect(looks).toBe(1)
  // What a quorum signed exists: nothing far below it is taken from now on.
  expect(await outcome(keeper, request)).toBe('checkpoint-refused')
  await network.chain.client.mine({ blocks: 10 })
  expect(await outcome(keeper, request)).toBe('released')
})

test('a share is sealed under a checkpoint of some seconds ago, or not at all', async () => {
  const { keeper, request } = await captured()
  keeper.lies['keeper.call'] = async (_params, honest) => {
    const answer = await honest()
    await sleep(5200)
    keeper.lies['chain.proof'] = async (_slots, prove) => {
      await sleep(1400)
      return prove()
    }
    return answer
  }
  expect(await outcome(keeper, request)).toBe('host-too-slow')
})

test('the second look requires the committee, too', async () => {
  const { keeper, request } = await captured()
  const { client, contracts } = network.chain
  const { slot } = chainCells.committeeEpoch()
  const place = { address: contracts.committee, slot: pad(toHex(slot)) } as const
  const before = (await client.getStorageAt(place))!
  keeper.lies['keeper.call'] = async (_params, honest) => {
    const answer = await honest()
    await sleep(5200)
    // Another committee is in office: the one that signs was handed over meanwhile.
    const word = BigInt(before) + (1n << BigInt(chainCells.committeeEpoch().offset * 8))
    await client.setStorageAt({
      address: place.address,
      index: place.slot,
      value: pad(toHex(word)),
    })
    await client.mine({ blocks: 1 })
    return answer
  }
  expect(await outcome(keeper, request)).toBe('checkpoint-refused')
  await client.setStorageAt({ address: place.address, index: place.slot, value: pad(before) })
  await client.mine({ blocks: 3 })
})

test('an old request is worth nothing: nobody gets a refusal signed by showing it again', async () => {
  const { keeper, request } = await captured()
  await network.chain.client.increaseTime({ seconds: 301 })
  await network.chain.client.mine({ blocks: 1 })
  expect(await outcome(keeper, request)).toBe('request-refused')
  // The chain goes on: what is made now is released.
  const { task } = await placeTask(network, assets)
  expect(task).toMatch(/^0x/)
})

function releaseDigest(release: Json): Hex {
  const fields = object(release)
  const word = (name: string): Hex => `0x${textOf(fields[name]).slice(2)}`
  return messageDigest(network.chain.domain, 'Release', {
    ...{ task: word('task'), asset: word('asset'), grant: word('grant'), keeper: word('keeper') },
    ...{ quoteDigest: word('quoteDigest'), checkpoint: word('checkpoint') },
    previous: word('previous'),
    attempt: Number(fields['attempt']),
    shareIndex: Number(fields['shareIndex']),
    sequence: BigInt(textOf(fields['sequence'])),
    time: BigInt(textOf(fields['time'])),
  })
}
