import { encodeUtf8, type Json } from '@cloister/codec'
import { deliveryDigest, messageDigest, parseMessage, signerOf } from '@cloister/protocol'
import { keccak256, type Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { people } from './world/home-chain.ts'
import { startNetwork, type Network } from './world/network.ts'
import { captureRequest } from './world/requests.ts'
import { sealAsset, type SealedAsset } from './world/tasks.ts'
import { textOf } from './world/test-host.ts'

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

async function unshown() {
  const { keeper, request, task } = await captureRequest(network, assets)
  const { asset, shareIndex } = request
  return { keeper, request, demand: { task, attempt: 1, asset: asset!, shareIndex: shareIndex! } }
}

test('an answer for the chain says by the keeper’s own signature which envelope belongs to the release', async () => {
  const { keeper, request, demand } = await unshown()
  const answer = await keeper.ask('release.demanded', request)
  const release = parseMessage('Release', answer['release']!, 'release')
  const digest = deliveryDigest(network.chain.domain, {
    release: messageDigest(network.chain.domain, 'Release', release),
    envelopeHash: keccak256(hexOf(answer['envelope'])),
  })
  const signer = await signerOf(digest, hexOf(answer['deliverySignature']))
  expect(signer?.toLowerCase()).toBe(keeper.hello['receiptKey'])
  // Released is released: whatever its host says of the request now, no refusal is signed.
  await expect(keeper.ask('release.unshown', demand)).rejects.toMatchObject({
    code: 'request-refused',
  })
})

test('a demand whose request nobody has is refused by reason 7, which the keeper answers for', async () => {
  const { keeper, request, demand } = await unshown()
  const answer = await keeper.ask('release.unshown', demand)
  const refusal = parseMessage('Refusal', answer['refusal']!, 'refusal')
  expect(refusal).toMatchObject({ task: demand.task, attempt: 1, reason: 7 })
  const digest = messageDigest(network.chain.domain, 'Refusal', refusal)
  const signer = await signerOf(digest, hexOf(answer['signature']))
  expect(signer?.toLowerCase()).toBe(keeper.hello['receiptKey'])
  // Refused is refused: with refusals and shares both, a node could end an attempt that has the keys.
  await expect(keeper.ask('release.demanded', request)).rejects.toMatchObject({
    code: 'request-refused',
  })
})

test.for([
  ['another attempt', { attempt: 2 }, 'does not run this attempt'],
  ['an asset that the order does not use', { asset: `0x${'ab'.repeat(32)}` }, 'does not use asset'],
] as const)('nothing is signed about %s', async ([, change, says]) => {
  const { keeper, demand } = await unshown()
  await expect(keeper.ask('release.unshown', { ...demand, ...change })).rejects.toMatchObject({
    code: 'request-refused',
    message: expect.stringContaining(says),
  })
})

test('nothing is signed about a share that is kept elsewhere', async () => {
  const { keeper, demand } = await unshown()
  const shareIndex = (Number(demand.shareIndex) + 1) % 3
  await expect(keeper.ask('release.unshown', { ...demand, shareIndex })).rejects.toMatchObject({
    code: 'request-refused',
    message: expect.stringContaining('is not kept here'),
  })
})

function hexOf(value: Json | undefined): Hex {
  return `0x${textOf(value).slice(2)}`
}
