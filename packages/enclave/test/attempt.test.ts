import { createHmac, hkdfSync } from 'node:crypto'

import { concatBytes, encodeUtf8, parseHex, parseJson, parseUtf8 } from '@cloister/codec'
import {
  checkReceipt,
  messageDigest,
  parseBundle,
  parseMessage,
  proveChain,
  recoverSigner,
} from '@cloister/protocol'
import { open, openEnvelope } from '@cloister/seal'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { people } from './world/home-chain.ts'
import { sha256, startNetwork, type Network } from './world/network.ts'
import { placeTask, sealAsset } from './world/tasks.ts'
import { textOf } from './world/test-host.ts'

let network: Network
beforeAll(async () => {
  network = await startNetwork()
}, 120_000)
afterAll(() => network?.stop())

const rows = ['1,2,a', '2,1,b', '1,3,a', '3,1,b', '1,4,a', '4,1,b'].join('\n')
const parameters = JSON.stringify({
  model: { kind: 'logistic', features: 2, classes: ['a', 'b'] },
  settings: {
    ...{ epochs: 50, batchSize: 6, learningRate: 0.1, optimizer: 'adam' },
    ...{ l2: 0, seed: 1, standardize: true },
  },
})

test('an attempt runs from the order to a receipt that the chain, the evidence and the output agree with', async () => {
  const { chain, world } = network
  const data = await sealAsset(network, people.owners[0], encodeUtf8(rows))
  const more = await sealAsset(network, people.owners[1], encodeUtf8(rows))
  const settings = await sealAsset(network, people.requester, encodeUtf8(parameters))
  const assets = [data, more, settings]
  const { task, order, orderDigest, node, recipient } = await placeTask(network, assets)

  const result = await node.host.ask('attempt.run', { task, attempt: 1 })

  const receipt = parseMessage('Receipt', result['receipt']!, 'receipt')
  const signer = await recoverSigner(
    chain.domain,
    'Receipt',
    receipt,
    `0x${textOf(result['receiptSignature']).slice(2)}`,
  )
  expect(signer.toLowerCase()).toBe(node.host.hello['receiptKey'])

  const bundle = parseBundle(world.objects.get(textOf(result['bundleDigest']).slice(2))!)
  const roots = assets.map(({ root }) => root)
  const releases = bundle.releases.map(({ release }) => release)
  const context = { ...bundle, order, assetRoots: roots, releases, privateApp: false }
  expect(checkReceipt(chain.domain, receipt, context)).toEqual([])
  expect(bundle.releases).toHaveLength(6)
  const proven = await proveChain(bundle.checkpoint, bundle.proofs)
  expect(proven.slots.length).toBeGreaterThan(20)

  const output = world.objects.get(receipt.outputDigest.slice(2))!
  expect(sha256(output)).toBe(receipt.outputDigest)
  expect(BigInt(output.length)).toBe(receipt.outputBytes)
  const headerBytes = new DataView(output.buffer).getUint32(0)
  const limits = { charactersMax: 10_000, depthMax: 3 }
  const header = parseJson(parseUtf8(output.subarray(4, 4 + headerBytes)), 'header', limits)
  expect(header).toMatchObject({ format: 'cloister-output/2', task, attempt: 1, reviews: [] })
  const envelope =
    typeof header === 'object' && header !== null && 'envelope' in header
      ? header['envelope']
      : undefined
  const place = concatBytes(parseHex(task), Uint8Array.of(0, 0, 0, 1))
  const key = await openEnvelope(
    recipient.privateKey,
    encodeUtf8('cloister/output/1'),
    place,
    parseHex(textOf(envelope)),
  )
  const outputContext = concatBytes(encodeUtf8('cloister/output/1\0'), place)
  const plain = await open(key, outputContext, output.subarray(4 + headerBytes))
  const textBytes = new DataView(plain.buffer).getUint32(0)
  const text: unknown = JSON.parse(parseUtf8(plain.subarray(4, 4 + textBytes)))
  expect(text).toMatchObject({ outputs: [{ name: 'model.onnx' }], metrics: { accuracy: 1 } })
  // The last asset's key commits, salted with the order: written out again on Node's own functions.
  const last = assets.at(-1)!
  const committing = hkdfSync(
    'sha256',
    last.key,
    parseHex(orderDigest),
    'cloister/output-commitment/1',
    32,
  )
  const commitment = createHmac('sha256', Buffer.from(committing)).update(plain).digest('hex')
  expect(receipt.outputCommitment).toBe(`0x${commitment}`)
  expect(receipt).toMatchObject({ spentWei: order.feeWei, epsilonMicros: 0n, deltaPicos: 0n })
  expect(node.host.phases).toEqual([
    ...['checked', 'attested', 'released', 'opened', 'ran', 'signed'],
  ])

  // Every record was on some host's disk before its share was used.
  const journals = network.nodes.flatMap(({ host }) =>
    host.journal.map((entry) => JSON.stringify(entry)),
  )
  for (const { signature } of bundle.releases)
    expect(journals.some((entry) => entry.includes(signature))).toBe(true)
  expect(messageDigest(chain.domain, 'Order', order)).toBe(receipt.orderDigest)
})
