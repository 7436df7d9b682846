import { concatBytes, encodeUtf8, parseHex, type Json } from '@cloister/codec'
import {
  assetRegistryAbi,
  messageDigest,
  messageToJson,
  parseMessage,
  recoverSigner,
  reportData,
} from '@cloister/protocol'

import { generateEnvelopeKeyPair } from '@cloister/seal'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Hex } from 'viem'

import { createGuestDriver } from '../src/guest-driver.ts'
import { people } from './world/home-chain.ts'
import {
  admit,
  sha256,
  startNetwork,
  startOn,
  type Network,
  type TestNode,
} from './world/network.ts'
import { placeTask, sealAsset, type SealedAsset } from './world/tasks.ts'
import { hex, textOf, type TestHost } from './world/test-host.ts'

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

type Capture = {
  readonly node: TestNode
  readonly keeper: TestHost
  readonly request: Record<string, Json>
  readonly task: Hex
  readonly grant: Hex
}

/** A genuine request for a share, taken from the wire before any keeper saw it. The attempt itself comes to nothing. */
async function captured(changes: Parameters<typeof placeTask>[2] = {}): Promise<Capture> {
  const { task, node, digests } = await placeTask(network, assets, changes)
  const taken: Json[] = []
  node.host.lies['keeper.call'] = async ({ body, method, operator }) => {
    if (method === 'release') taken.push({ body: body ?? null, operator: operator ?? null })
    throw new Error('cut')
  }
  await node.host.ask('attempt.run', { task, attempt: 1 }).catch(() => undefined)
  delete node.host.lies['keeper.call']
  const wanted = taken.map(object).find(({ body }) => object(body!)['asset'] === assets[0]!.asset)
  const keeper = network.world.nodeOf(textOf(wanted?.['operator']))!
  return { node, keeper, request: object(wanted!['body']!), task, grant: digests[0]! }
}

async function reasonOf(keeper: TestHost, request: Json): Promise<number | 'released'> {
  const answer = await keeper.ask('release', request)
  if (answer['refusal'] === undefined) return 'released'
  const refusal = parseMessage('Refusal', answer['refusal'], 'refusal')
  const signature: Hex = `0x${textOf(answer['signature']).slice(2)}`
  const signer = await recoverSigner(network.chain.domain, 'Refusal', refusal, signature)
  expect(signer.toLowerCase()).toBe(keeper.hello['receiptKey'])
  return refusal.reason
}

function changed(request: Record<string, Json>, edit: (bundle: Record<string, Json>) => void) {
  const copy: Json = JSON.parse(JSON.stringify(request))
  edit(object(object(copy)['bundle']!))
  return copy
}

describe('a keeper', () => {
  test('releases to the attempt that the chain runs, again for the same evidence, and not to another key', async () => {
    const { keeper, request } = await captured()
    expect(await reasonOf(keeper, request)).toBe('released')
    expect(await reasonOf(keeper, request)).toBe('released')
    const otherKey = changed(request, (bundle) => {
      bundle['freshPublicKey'] = `0x${'11'.repeat(1216)}`
    })
    expect(await reasonOf(keeper, otherKey)).toBe(4)
  })

  test.for([
    ['a flipped bit of the quote', 4, (bundle: Record<string, Json>) => flip(bundle, 'quote', 700)],
    [
      'a quote over other report data',
      4,
      (bundle: Record<string, Json>) => {
        object(bundle['binding']!)['notAfter'] = '99999999999'
      },
    ],
    [
      'a binding for another machine',
      4,
      (bundle: Record<string, Json>) => {
        object(bundle['binding']!)['machineId'] = `0x${'22'.repeat(32)}`
      },
    ],
    [
      'an attempt that is not the current one',
      5,
      (bundle: Record<string, Json>) => {
        object(bundle['binding']!)['attempt'] = 2
      },
    ],
    [
      'an order that is not on chain',
      5,
      (bundle: Record<string, Json>) => {
        object(bundle['order']!)['feeWei'] = '1'
      },
    ],
    [
      'a grant signature by somebody else',
      3,
      (bundle: Record<string, Json>) => {
        const signatures = bundle['grantSignatures']
        bundle['grantSignatures'] = Array.isArray(signatures)
          ? [signatures[1]!, signatures[1]!]
          : []
      },
    ],
    [
      'a checkpoint that too few signed',
      4,
      (bundle: Record<string, Json>) => {
        const signatures = bundle['checkpointSignatures']
        bundle['checkpointSignatures'] = Array.isArray(signatures) ? signatures.slice(0, 2) : []
      },
    ],
  ] as const)('refuses %s with reason %i', async ([, reason, edit]) => {
    const { keeper, request } = await captured()
    expect(await reasonOf(keeper, changed(request, edit))).toBe(reason)
  })

  test('refuses a share that it does not hold with reason 7', async () => {
    const { keeper, request } = await captured()
    const index = Number(request['shareIndex'])
    expect(await reasonOf(keeper, { ...request, shareIndex: (index + 1) % 3 })).toBe(7)
  })

  test('refuses after the owner has revoked, whatever was signed before', async () => {
    const { keeper, request, grant } = await captured()
    const { assetRegistry } = network.chain.contracts
    await network.chain.send(people.owners[0], assetRegistry, assetRegistryAbi, 'revokeGrant', [
      grant,
    ])
    expect(await reasonOf(keeper, request)).toBe(1)
  })

  test('looks again before it answers: a revocation while the record is countersigned stops the release', async () => {
    const { keeper, request, grant } = await captured()
    const { assetRegistry } = network.chain.contracts
    keeper.lies['keeper.call'] = async (_params, honest) => {
      const answer = await honest()
      await network.chain.send(people.owners[0], assetRegistry, assetRegistryAbi, 'revokeGrant', [
        grant,
      ])
      await new Promise((resolve) => setTimeout(resolve, 3200))
      return answer
    }
    expect(await reasonOf(keeper, request)).toBe(1)
    delete keeper.lies['keeper.call']
  })

  test('refuses genuine evidence of another machine', async () => {
    const { node, keeper, request } = await captured()
    const other = network.nodes.find((each) => each !== node)!
    const binding = parseMessage(
      'AttemptBinding',
      object(request['bundle']!)['binding']!,
      'binding',
    )
    const relayed = await createGuestDriver(other.guestSocket).quote(
      reportData(network.chain.domain, 'AttemptBinding', binding),
    )
    const hexQuote = `0x${Buffer.from(relayed).toString('hex')}`
    const forged = changed(request, (bundle) => {
      bundle['quote'] = hexQuote
    })
    expect(await reasonOf(keeper, forged)).toBe(4)
  })

  test('pins the first evidence of an attempt, genuine as a second may be', async () => {
    const { node, keeper, request } = await captured()
    const fresh = (await generateEnvelopeKeyPair()).publicKey
    const bundle = object(request['bundle']!)
    const binding = {
      ...parseMessage('AttemptBinding', bundle['binding']!, 'binding'),
      freshKeyHash: sha256(fresh),
    }
    const data = reportData(network.chain.domain, 'AttemptBinding', binding)
    const quote = hex(await createGuestDriver(node.guestSocket).quote(data))
    const second = {
      ...request,
      bundle: {
        ...bundle,
        ...{ quote, freshPublicKey: hex(fresh) },
        binding: messageToJson('AttemptBinding', binding),
      },
    }
    // The other order is as good: whichever comes first is pinned.
    expect(await reasonOf(keeper, second)).toBe('released')
    expect(await reasonOf(keeper, request)).toBe(6)
  })

  test('releases again to a run that failed half-way and is repeated', async () => {
    const { task, node } = await placeTask(network, assets)
    node.host.lies['store.get'] = async () => {
      throw new Error('the store is away')
    }
    const run = () => node.host.ask('attempt.run', { task, attempt: 1 })
    await expect(run()).rejects.toThrow()
    delete node.host.lies['store.get']
    await expect(run()).rejects.toThrow('bad-parameters')
  })

  test('gives nothing without a journal, and nothing without a second keeper', async () => {
    const { keeper, request } = await captured()
    keeper.lies['journal.append'] = async () => {
      throw new Error('disk full')
    }
    await expect(keeper.ask('release', request)).rejects.toThrow()
    delete keeper.lies['journal.append']
    keeper.lies['keeper.call'] = async () => {
      throw new Error('nobody answers')
    }
    await expect(keeper.ask('release', request)).rejects.toThrow('no other keeper countersigned')
    delete keeper.lies['keeper.call']
    expect(await reasonOf(keeper, request)).toBe('released')
  })

  test('chains its records: each names the one before', () => {
    for (const { host } of network.nodes) {
      let previous = `0x${'00'.repeat(32)}`
      for (const [index, entry] of host.journal.entries()) {
        const release = parseMessage('Release', object(entry)['release']!, 'release')
        expect(release.previous).toBe(previous)
        expect(release.sequence).toBe(BigInt(index))
        previous = messageDigest(network.chain.domain, 'Release', release)
      }
    }
    expect(network.nodes.some(({ host }) => host.journal.length > 2)).toBe(true)
  })

  test('refuses a deposit that its policy, owner or commitment does not cover', async () => {
    const [deposit] = assets[0]!.deposits
    const { host } = network.nodes[0]!
    const wrong = [
      { ...deposit!, commitment: `0x${'33'.repeat(32)}` },
      { ...deposit!, policySignature: assets[1]!.deposits[0]!.policySignature },
      { ...deposit!, asset: assets[1]!.asset },
      { ...deposit!, shareIndex: 1 },
    ]
    for (const body of wrong) await expect(host.ask('share.deposit', body)).rejects.toThrow()
    await expect(host.ask('share.deposit', deposit!)).resolves.toMatchObject({
      ack: { asset: assets[0]!.asset },
    })
  })
})

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
    expect(outcome).toBe(8)
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
    expect(outcome).toBe(8)
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

  test('cannot swap an input for another ciphertext', async () => {
    const { task, node } = await placeTask(network, assets)
    node.host.lies['store.get'] = async (params, honest) => {
      const { result, bytes } = await honest()
      if (params['digest'] !== assets[0]!.root.slice(2)) return { result, bytes: bytes! }
      const swapped = bytes!.slice()
      swapped[60]! ^= 1
      return { result, bytes: swapped }
    }
    await expect(node.host.ask('attempt.run', { task, attempt: 1 })).rejects.toThrow(
      /chunk|digest|others/,
    )
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

  test('learns from a failed app which input was wrong, and no byte of it', async () => {
    const { task, node } = await placeTask(network, assets)
    const failed = node.host.ask('attempt.run', { task, attempt: 1 })
    await expect(failed).rejects.toThrow('bad-parameters')
    await expect(failed).rejects.not.toThrow('not parameters')
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
  const answer = await lost.host.ask('recovery.start', { asset, shareIndex: 2 })
  const ack = parseMessage('ShareAck', answer['ack']!, 'ack')
  expect(ack.receiptKey.toLowerCase()).toBe(lost.host.hello['receiptKey'])
  const { request } = await captured()
  expect(await reasonOf(lost.host, { ...request, asset, shareIndex: 2 })).toBe('released')
})

function flip(bundle: Record<string, Json>, field: string, at: number): void {
  const bytes = parseHex(textOf(bundle[field]))
  bytes[at]! ^= 1
  bundle[field] = `0x${Buffer.from(concatBytes(bytes)).toString('hex')}`
}

function object(value: Json): Record<string, Json> {
  if (!isObject(value)) throw new Error('not an object')
  return value
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
