import { concatBytes, encodeUtf8, parseHex, type Json } from '@cloister/codec'
import {
  assetRegistryAbi,
  messageDigest,
  messageToJson,
  parseMessage,
  reportData,
} from '@cloister/protocol'

import { generateEnvelopeKeyPair } from '@cloister/seal'
import type { Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

import { askDstackAgent } from '../src/evidence-drivers/dstack-agent.ts'
import { people } from './world/home-chain.ts'
import { sha256, startNetwork, type Network } from './world/network.ts'
import { placeTask, sealAsset, type SealedAsset } from './world/tasks.ts'
import {
  captureRequest,
  changed,
  leakedAccount,
  object,
  outcomeOf,
  signedBy,
  type Capture,
} from './world/requests.ts'
import { hex, textOf, type TestHost } from './world/test-host.ts'

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
/** The request with another bundle, as an enclave whose key leaked would sign it. */
const forged = ({ node, request }: Capture, edit: (bundle: Record<string, Json>) => void) =>
  signedBy(network, leakedAccount(keys, node), changed(request, edit))

describe('a keeper', () => {
  test('releases to the attempt that the chain runs, again for the same evidence, and not to another key', async () => {
    const capture = await captured()
    const { keeper, request } = capture
    const otherKey = await forged(capture, (bundle) => {
      bundle['freshPublicKey'] = `0x${'11'.repeat(1216)}`
    })
    expect(await reasonOf(keeper, otherKey)).toBe(4)
    expect(await reasonOf(keeper, request)).toBe('released')
    expect(await reasonOf(keeper, request)).toBe('released')
  })

  test.for([
    [
      'a flipped bit of the quote',
      4,
      (bundle: Record<string, Json>) => flip(object(bundle['evidence']!), 'quote', 700),
    ],
    [
      'a quote over other report data',
      4,
      (bundle: Record<string, Json>) => {
        bundle['freshPublicKey'] = `0x${'11'.repeat(1216)}`
        const key = new Uint8Array(1216).fill(0x11)
        object(bundle['binding']!)['freshKeyHash'] = sha256(key)
      },
    ],
    [
      'a binding that is not of now',
      'request-refused',
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
      'attempt-not-current',
      (bundle: Record<string, Json>) => {
        object(bundle['binding']!)['attempt'] = 2
      },
    ],
    [
      'an order that is not on chain',
      'attempt-not-current',
      (bundle: Record<string, Json>) => {
        object(bundle['order']!)['feeWei'] = '1'
      },
    ],
    [
      'a grant that is not the one ordered',
      'request-refused',
      (bundle: Record<string, Json>) => {
        const grants = Array.isArray(bundle['grants']) ? bundle['grants'] : []
        object(grants[0])['usesMax'] = 1
      },
    ],
    [
      'a grant signature by somebody else',
      'request-refused',
      (bundle: Record<string, Json>) => {
        const signatures = bundle['grantSignatures']
        bundle['grantSignatures'] = Array.isArray(signatures)
          ? [signatures[1]!, signatures[1]!]
          : []
      },
    ],
    [
      'a checkpoint that too few signed',
      'checkpoint-refused',
      (bundle: Record<string, Json>) => {
        const signatures = bundle['checkpointSignatures']
        bundle['checkpointSignatures'] = Array.isArray(signatures) ? signatures.slice(0, 2) : []
      },
    ],
  ] as const)('answers %s with %s', async ([, reason, edit]) => {
    const capture = await captured()
    expect(await reasonOf(capture.keeper, await forged(capture, edit))).toBe(reason)
  })

  test('signs nothing for a share that its operator does not keep', async () => {
    const { node, keeper, request } = await captured()
    const other = { ...request, shareIndex: (Number(request['shareIndex']) + 1) % 3 }
    const asked = await signedBy(network, leakedAccount(keys, node), other)
    expect(await reasonOf(keeper, asked)).toBe('request-refused')
  })

  test('signs nothing for anybody but the node that the chain runs the attempt on', async () => {
    const { keeper, request } = await captured()
    let looks = 0
    keeper.lies['chain.checkpoint'] = (_params, honest) => {
      looks++
      return honest()
    }
    const stranger = privateKeyToAccount(generatePrivateKey())
    const flipped = changed(request, (bundle) => flip(object(bundle['evidence']!), 'quote', 700))
    expect(await reasonOf(keeper, flipped)).toBe('request-refused') // Changed on the way.
    expect(await reasonOf(keeper, await signedBy(network, stranger, flipped))).toBe(
      'request-refused',
    )
    expect(looks).toBe(0) // It costs the keeper nothing.
    const own = changed(flipped, (bundle) => {
      object(bundle['binding']!)['receiptKey'] = stranger.address.toLowerCase()
    })
    expect(await reasonOf(keeper, await signedBy(network, stranger, own))).toBe(
      'attempt-not-current',
    )
    delete keeper.lies['chain.checkpoint']
  })

  test('signs no refusal to an attempt that it has released to', async () => {
    const { keeper, request, grant } = await captured()
    expect(await reasonOf(keeper, request)).toBe('released')
    const { assetRegistry } = network.chain.contracts
    await network.chain.send(people.owners[0], assetRegistry, assetRegistryAbi, 'revokeGrant', [
      grant,
    ])
    expect(await reasonOf(keeper, request)).toBe('request-refused')
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
      await new Promise((resolve) => setTimeout(resolve, 5200))
      return answer
    }
    expect(await reasonOf(keeper, request)).toBe(1)
    delete keeper.lies['keeper.call']
  })

  test('refuses genuine evidence of another machine', async () => {
    const capture = await captured()
    const { node, keeper, request } = capture
    const other = network.nodes.find((each) => each !== node)!
    const binding = parseMessage(
      'AttemptBinding',
      object(request['bundle']!)['binding']!,
      'binding',
    )
    const relayed = await askDstackAgent(
      other.guestSocket,
      reportData(network.chain.domain, 'AttemptBinding', binding),
    )
    const hexQuote = `0x${Buffer.from(relayed).toString('hex')}`
    const relayedRequest = await forged(capture, (bundle) => {
      object(bundle['evidence']!)['quote'] = hexQuote
    })
    expect(await reasonOf(keeper, relayedRequest)).toBe(4)
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
    const quote = hex(await askDstackAgent(node.guestSocket, data))
    const second = {
      ...request,
      bundle: {
        ...bundle,
        evidence: { tee: 'tdx', quote },
        freshPublicKey: hex(fresh),
        binding: messageToJson('AttemptBinding', binding),
      },
    }
    const account = leakedAccount(keys, node)
    expect(await reasonOf(keeper, await signedBy(network, account, second))).toBe('released')
    expect(await reasonOf(keeper, request)).toBe('request-refused')
    // Whoever countersigned has pinned the same, and has released nothing.
    const outcomes = []
    for (const [shareIndex, { host }] of network.nodes.entries())
      if (host !== keeper)
        outcomes.push(
          await reasonOf(host, await signedBy(network, account, { ...request, shareIndex })),
        )
    expect(outcomes).toContain(6)
  })

  test('releases again to a run that failed half-way and is repeated', async () => {
    const { task, node } = await placeTask(network, assets)
    node.host.lies['store.get'] = async () => {
      throw new Error('the store is away')
    }
    const run = () => node.host.ask('attempt.run', { task, attempt: 1 })
    await expect(run()).rejects.toThrow()
    delete node.host.lies['store.get']
    await expect(run()).rejects.toMatchObject({ code: 'app-failed' })
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
      const entries = host.journal.filter((entry) => object(entry)['kind'] === 'release')
      for (const [index, entry] of entries.entries()) {
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

function flip(bundle: Record<string, Json>, field: string, at: number): void {
  const bytes = parseHex(textOf(bundle[field]))
  bytes[at]! ^= 1
  bundle[field] = `0x${Buffer.from(concatBytes(bytes)).toString('hex')}`
}
