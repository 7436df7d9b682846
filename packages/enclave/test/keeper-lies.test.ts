import { encodeUtf8, type Json } from '@cloister/codec'
import {
  erasureAckDigest,
  erasureDigest,
  marketAbi,
  messageDigest,
  messageToJson,
  parseMessage,
  signerOf,
} from '@cloister/protocol'
import type { Hex } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'

import type { HeldShare, ShareStore } from '../src/keeper/share-store.ts'
import { people } from './world/home-chain.ts'
import { startNetwork, type Network } from './world/network.ts'
import { captureRequest, leakedAccount, object, outcomeOf } from './world/requests.ts'
import { restart } from './world/restart.ts'
import { placeTask, sealAsset, type SealedAsset } from './world/tasks.ts'
import { textOf } from './world/test-host.ts'

// A TEE that leaks and can be written to: the enclaves' keys, stores and clock in the hands of this test.
const noted = vi.hoisted(() => ({
  keys: new Array<Hex>(),
  stores: new Array<ShareStore>(),
  held: new Array<HeldShare>(),
}))
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

    override keep(held: HeldShare): void {
      noted.held.push(held)
      super.keep(held)
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
  vi.restoreAllMocks()
  for (const { host } of network.nodes)
    for (const name of Object.keys(host.lies)) delete host.lies[name]
})

/** What the node that is drawn says when it runs an attempt. */
async function run(prepare?: (drawn: Awaited<ReturnType<typeof placeTask>>) => void) {
  const drawn = await placeTask(network, assets)
  prepare?.(drawn)
  const asked = drawn.node.host.ask('attempt.run', { task: drawn.task, attempt: 1 })
  return asked.then(
    () => 'ran',
    (error: unknown) => (error instanceof Error ? error.message : 'unknown'),
  )
}

describe('a keeper that lies is caught, and named', () => {
  const operatorOf = (index: number) => network.nodes[index]!.operator.address.toLowerCase()

  /** Puts other bytes in the place of shares 1 and 2 of the first asset, in the keepers' own memory, while `during` runs. */
  async function withShares(other: (held: HeldShare) => Uint8Array, during: () => Promise<void>) {
    const first = noted.held.filter(
      ({ asset, shareIndex }) => asset === assets[0]!.asset && shareIndex > 0,
    )
    const before = first.map(({ share }) => share.slice())
    for (const held of first) held.share.set(other(held))
    await during()
    for (const [index, held] of first.entries()) held.share.set(before[index]!)
  }

  test.for([
    ['a wrong share', () => new Uint8Array(33).fill(7)],
    [
      'the share of another asset',
      ({ shareIndex }: HeldShare) =>
        noted.held.find(
          (held) => held.asset === assets[1]!.asset && held.shareIndex === shareIndex,
        )!.share,
    ],
  ] as const)('%s', async ([, other]) => {
    await withShares(other, async () => {
      const said = await run()
      for (const index of [1, 2])
        expect(said.toLowerCase()).toContain(
          `keeper ${operatorOf(index)}: bad-release, cannot use a keeper's answer: the share does not match its commitment`,
        )
    })
  })

  test.for([
    [
      'a record that it did not sign',
      (record: Record<string, Json>) => ({ ...record, time: '5' }),
      false,
      'signature: got',
    ],
    [
      'a record of another attempt',
      (record: Record<string, Json>) => ({ ...record, attempt: 9 }),
      true,
      'another attempt or share',
    ],
    [
      'a record of another asset',
      (record: Record<string, Json>) => ({ ...record, asset: `0x${'ee'.repeat(32)}` }),
      true,
      'another attempt or share',
    ],
  ] as const)('%s', async ([, edit, signs, says]) => {
    const said = await run(({ node }) => {
      node.host.lies['keeper.call'] = async ({ operator, method }, honest) => {
        const { result } = await honest()
        if (method !== 'release') return { result }
        const answer = object(result)
        const release = edit(object(answer['release']!))
        const keeper = network.world.nodeOf(textOf(operator))!
        const account = leakedAccount(noted.keys, { host: keeper })
        const countersigner = network.nodes.find(
          ({ host }) => host.hello['receiptKey'] === textOf(answer['countersigner']).toLowerCase(),
        )!
        const parsed = parseMessage('Release', release, 'release')
        const hash = messageDigest(network.chain.domain, 'Release', parsed)
        const counter = {
          release: hash,
          countersigner: leakedAccount(noted.keys, countersigner).address,
        }
        const signed = signs
          ? {
              signature: await account.sign({ hash }),
              countersignature: await leakedAccount(noted.keys, countersigner).sign({
                hash: messageDigest(network.chain.domain, 'Countersignature', counter),
              }),
            }
          : {}
        return { result: { ...answer, ...signed, release } }
      }
    })
    expect(said).toContain(says)
    // Two of the three are asked through the host; each is named by its operator.
    const named = network.nodes.filter(({ operator }) =>
      said.toLowerCase().includes(`keeper ${operator.address.toLowerCase()}`),
    )
    expect(named.length).toBeGreaterThan(0)
  })

  test('two records with one number are a fork, and its keeper and operator are named', async () => {
    const { keeper, request } = await captureRequest(network, assets)
    const bodies: Record<string, Json>[] = []
    keeper.lies['keeper.call'] = async ({ body, method, operator }, honest) => {
      if (method === 'countersign') bodies.push({ body: body!, operator: operator! })
      return honest()
    }
    expect(await outcomeOf(network, keeper, request)).toBe('released')
    const { body, operator } = bodies[0]!
    const genuine = parseMessage('Release', object(body!)['release']!, 'release')
    const release = { ...genuine, time: genuine.time + 1n }
    const hash = messageDigest(network.chain.domain, 'Release', release)
    const account = leakedAccount(noted.keys, { host: keeper })
    const second = network.world.nodeOf(textOf(operator))!
    const asked = second.ask('countersign', {
      ...object(body!),
      release: messageToJson('Release', release),
      signature: await account.sign({ hash }),
    })
    const node = network.nodes.find(({ host }) => host === keeper)!
    await expect(asked).rejects.toMatchObject({
      code: 'record-forked',
      message: expect.stringContaining(node.operator.address),
    })
  })
})

describe('a lease', () => {
  /** The enclaves' own clock jumps ahead once the first part of an input is read. */
  function jumpAtFirstRead(
    { node }: Awaited<ReturnType<typeof placeTask>>,
    seconds: number,
    also: () => Promise<unknown> = async () => undefined,
  ) {
    const real = performance.now.bind(performance)
    let ahead = 0
    let isFirst = true
    vi.spyOn(performance, 'now').mockImplementation(() => real() + ahead)
    let looks = 0
    node.host.lies['store.get'] = async (_params, honest) => {
      if (isFirst) {
        isFirst = false
        await also()
        ahead = seconds * 1000
        node.host.lies['chain.checkpoint'] = async (_nonce, check) => {
          looks++
          return check()
        }
      }
      return honest()
    }
    return () => looks
  }

  test('is renewed by a fresh checkpoint while the chain runs the attempt', async () => {
    let looks = () => 0
    const said = await run((drawn) => {
      looks = jumpAtFirstRead(drawn, 301)
    })
    expect(said).toContain('The app gave no result') // It ran, over what is no training data.
    expect(looks()).toBe(1)
  })

  test('ends at the attempt’s deadline, by the enclave’s own clock', async () => {
    expect(await run((drawn) => void jumpAtFirstRead(drawn, 601))).toContain(
      'its deadline has passed',
    )
  })

  test('ends when another attempt takes its place', async () => {
    const { market } = network.chain.contracts
    const said = await run((drawn) => {
      const { operator } = drawn.node
      jumpAtFirstRead(drawn, 301, () =>
        network.chain.send(operator, market, marketAbi, 'giveUp', [drawn.task]),
      )
    })
    expect(said).toContain('the chain does not run it here any more')
  })
})

describe('erasing a share', () => {
  const erasing = async (signer: (typeof people.owners)[number], asset: Hex) => ({
    owner: signer.address.toLowerCase(),
    asset,
    signature: await signer.sign({
      hash: erasureDigest(network.chain.domain, { owner: signer.address, asset }),
    }),
  })

  test('is the owner’s to order, and makes the asset unreadable and unrecoverable', async () => {
    const doomed = await sealAsset(network, people.owners[1], encodeUtf8('1,2,a\n'))
    const [node, second] = network.nodes
    const stranger = await erasing(people.owners[0], doomed.asset)
    await expect(node!.host.ask('share.erase', stranger)).rejects.toMatchObject({
      code: 'erasure-refused',
    })
    const order = await erasing(people.owners[1], doomed.asset)
    for (const [shareIndex, { host }] of [node!, second!].entries()) {
      const answer = await host.ask('share.erase', order)
      const ack = object(answer['ack']!)
      expect(ack).toMatchObject({ asset: doomed.asset, shareIndex, held: true })
      const digest = erasureAckDigest(network.chain.domain, {
        ...{ asset: doomed.asset, shareIndex, held: true },
        receiptKey: hexOf(ack['receiptKey']),
        time: BigInt(textOf(ack['time'])),
      })
      const signer = await signerOf(digest, hexOf(answer['signature']))
      expect(signer?.toLowerCase()).toBe(host.hello['receiptKey'])
      // Asked again it has nothing to destroy, and says so.
      expect(object((await host.ask('share.erase', order))['ack']!)['held']).toBe(false)
    }
    const bytes = noted.held.filter(
      ({ asset, shareIndex }) => asset === doomed.asset && shareIndex < 2,
    )
    expect(bytes.length).toBe(2)
    for (const { share } of bytes) expect(share.every((byte) => byte === 0)).toBe(true)

    const { keeper, request } = await captureRequest(network, [doomed, assets[1]!])
    expect(await outcomeOf(network, keeper, request)).toBe(7)
    await expect(node!.host.ask('share.deposit', doomed.deposits[0]!)).rejects.toThrow('destroyed')
    await restart(network, second!, [doomed, ...assets])
    await expect(
      second!.host.ask('recovery.start', { asset: doomed.asset, shareIndex: 1 }),
    ).rejects.toThrow('destroyed')
  })
})

function hexOf(value: Json | undefined): Hex {
  return `0x${textOf(value).slice(2)}`
}
