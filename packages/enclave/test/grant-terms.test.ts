import {
  encodeUtf8,
  parseHex,
  parseJson,
  parseUtf8,
  concatBytes,
  type Bytes,
} from '@cloister/codec'
import { messageDigest, parseMessage, releaseKeysAbi, type Grant } from '@cloister/protocol'
import { generateEnvelopeKeyPair, open, openEnvelope, type EnvelopeKeyPair } from '@cloister/seal'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { people } from './world/home-chain.ts'
import { sha256, startNetwork, type Network } from './world/network.ts'
import { placeTask, sealAsset, type SealedAsset } from './world/tasks.ts'
import { textOf } from './world/test-host.ts'

let network: Network
let assets: readonly SealedAsset[]

beforeAll(async () => {
  network = await startNetwork()
  const rows = ['1,2,a', '2,1,b', '1,3,a', '3,1,b', '1,4,a', '4,1,b'].join('\n')
  const parameters = JSON.stringify({
    model: { kind: 'logistic', features: 2, classes: ['a', 'b'] },
    settings: {
      ...{ epochs: 5, batchSize: 6, learningRate: 0.1, optimizer: 'adam' },
      ...{ l2: 0, seed: 1, standardize: true },
    },
  })
  assets = [
    await sealAsset(network, people.owners[0], encodeUtf8(rows)),
    await sealAsset(network, people.owners[1], encodeUtf8(rows)),
    await sealAsset(network, people.requester, encodeUtf8(parameters)),
  ]
  // Keepers release nothing that was drawn before they first saw the chain: the first attempt may come too early.
  await run({}).catch(() => undefined)
}, 180_000)
afterAll(() => network?.stop())

const run = async (changes: Partial<Grant>) => {
  const placed = await placeTask(network, assets, changes)
  const result = await placed.node.host.ask('attempt.run', { task: placed.task, attempt: 1 })
  const receipt = parseMessage('Receipt', result['receipt']!, 'receipt')
  return { ...placed, output: network.world.objects.get(receipt.outputDigest.slice(2))! }
}

type Header = {
  readonly envelope: `0x${string}`
  readonly reviews: readonly { readonly position: number; readonly envelope: `0x${string}` }[]
}

const headerOf = (output: Bytes): { readonly header: Header; readonly body: Bytes } => {
  const length = new DataView(output.buffer, output.byteOffset).getUint32(0)
  const text = parseUtf8(output.subarray(4, 4 + length))
  const header: Header = JSON.parse(text)
  expect(parseJson(text, 'header', { charactersMax: 100_000, depthMax: 4 })).toBeDefined()
  return { header, body: output.subarray(4 + length) }
}

const unseal = (key: EnvelopeKeyPair, info: string, aad: Bytes, envelope: string) =>
  openEnvelope(key.privateKey, encodeUtf8(info), aad, parseHex(envelope))

test('an output under review opens for its owners at once, and for its recipient only with all their parts', async () => {
  const reviewer = await generateEnvelopeKeyPair()
  network.world.objects.set(sha256(reviewer.publicKey).slice(2), reviewer.publicKey)
  const { task, output, recipient } = await run({ reviewKeyHash: sha256(reviewer.publicKey) })
  const { header, body } = headerOf(output)
  expect(header.reviews.map(({ position }) => position)).toEqual([0, 1, 2])

  const place = concatBytes(parseHex(task), Uint8Array.of(0, 0, 0, 1))
  const context = concatBytes(encodeUtf8('cloister/output/1\0'), place)
  const masked = await unseal(recipient, 'cloister/output/1', place, header.envelope)
  await expect(open(masked, context, body)).rejects.toMatchObject({ code: 'wrong-key' })

  const parts: Bytes[] = []
  for (const { position, envelope } of header.reviews) {
    const aad = concatBytes(place, Uint8Array.of(position))
    const both = await unseal(reviewer, 'cloister/review/1', aad, envelope)
    expect((await open(both.slice(0, 32), context, body)).length).toBeGreaterThan(100)
    parts.push(both.slice(32))
  }
  const withParts = (some: readonly Bytes[]): Bytes =>
    masked.map((byte, index) => some.reduce((sum, part) => sum ^ part[index]!, byte))
  await expect(open(withParts(parts.slice(1)), context, body)).rejects.toMatchObject({
    code: 'wrong-key',
  })
  expect((await open(withParts(parts), context, body)).length).toBeGreaterThan(100)
})

test('without the key that an owner reviews with nothing is handed out', async () => {
  const missing = sha256(encodeUtf8('a key that nobody uploaded'))
  await expect(run({ reviewKeyHash: missing })).rejects.toThrow()
})

test('fewer rows than a grant asks for come to nothing, and no word says why', async () => {
  await expect(run({ recordsMin: 13 })).rejects.toMatchObject({ code: 'app-failed' })
  expect((await run({ recordsMin: 12 })).output.length).toBeGreaterThan(100)
})

test('a format that the grant does not name is refused by every keeper, for the owner', async () => {
  const refused = run({ outputFormats: 0b11_0110 })
  await expect(refused).rejects.toMatchObject({ code: 'release-refused' })
  await expect(refused).rejects.toThrow('3 keepers refused')
})

test('a release key stands for the runtimes that it approves, until it takes one back', async () => {
  const { chain } = network
  const { releaseKeys } = chain.contracts
  const key = people.stranger
  const approval = { measurement: network.measurement, expiry: 10_000_000_000n }
  const hash = messageDigest(chain.domain, 'RuntimeApproval', approval)
  const signature = await key.sign({ hash })
  const terms = { measurements: [], releaseKey: key.address }
  await chain.send(people.requester, releaseKeys, releaseKeysAbi, 'approve', [
    ...[key.address, approval, signature],
  ])
  expect((await run(terms)).output.length).toBeGreaterThan(100)

  const { node, task } = await placeTask(network, assets, terms)
  await chain.send(key, releaseKeys, releaseKeysAbi, 'revoke', [network.measurement])
  const refused: unknown = await node.host
    .ask('attempt.run', { task, attempt: 1 })
    .catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'release-refused' })
  expect(textOf(Reflect.get(Object(refused), 'message'))).toContain('3 keepers refused')
})
