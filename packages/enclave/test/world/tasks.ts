import { randomBytes } from 'node:crypto'

import { concatBytes, encodeUtf8, parseHex, type Bytes, type Json } from '@cloister/codec'
import {
  assetId,
  assetRegistryAbi,
  marketAbi,
  messageDigest,
  messageToJson,
  sameHex,
  taskId,
  type Grant,
  type KeeperPolicy,
  type Order,
} from '@cloister/protocol'
import {
  commitShare,
  generateEnvelopeKeyPair,
  drawObjectSalt,
  encodePartsList,
  sealInParts,
  sealEnvelope,
  shareX,
  splitKey,
} from '@cloister/seal'
import { zeroAddress, zeroHash, type Hex } from 'viem'
import type { HDAccount } from 'viem/accounts'

import { people } from './home-chain.ts'
import { app, depth, manifest, sha256, type Network, type TestNode } from './network.ts'
import { hex, textOf } from './test-host.ts'

/** An asset that is sealed, registered, and whose key's shares lie with the three keepers. */
export async function sealAsset(network: Network, owner: HDAccount, plain: Bytes) {
  const { chain, world, nodes } = network
  const key = new Uint8Array(randomBytes(32))
  const salt = hex(randomBytes(32))
  const context = concatBytes(
    encodeUtf8('cloister/asset/1\0'),
    parseHex(owner.address),
    parseHex(salt),
  )
  const { list, parts } = await sealInParts({ key, context, salt: drawObjectSalt() }, plain)
  const listed = encodePartsList(list)
  const root = sha256(listed)
  world.objects.set(root.slice(2), listed)
  for (const part of parts) world.objects.set(sha256(part).slice(2), part)
  const asset = assetId({ deployment: chain.deployment, owner: owner.address, root, salt })
  const split = await splitKey(key, { shares: 3, threshold: 2 })
  const commitments = await Promise.all(
    split.map(async (share, index) =>
      hex(await commitShare({ asset: parseHex(asset), index, share })),
    ),
  )
  const operators = nodes.map(({ operator }) => operator.address)
  const policy: KeeperPolicy = {
    owner: owner.address,
    asset,
    measurements: [network.measurement],
    releaseKey: zeroAddress,
    tcbFloor: 0,
    tierMin: 0,
    operators,
    expiry: 10_000_000_000n,
    tees: 0b100,
  }
  const policyDigest = messageDigest(chain.domain, 'KeeperPolicy', policy)
  const policySignature = await owner.sign({ hash: policyDigest })
  const shares = { commitments, operators, threshold: 2 }
  await chain.send(owner, chain.contracts.assetRegistry, assetRegistryAbi, 'register', [
    ...[root, salt, shares, policyDigest],
    zeroHash,
  ])
  const xs = Uint8Array.from(split.map(shareX))
  const deposits = await Promise.all(
    split.map(async (share, shareIndex) => {
      const { receiptKey, sharePublicKey } = nodes[shareIndex]!.host.hello
      const aad = concatBytes(
        parseHex(chain.deployment),
        parseHex(asset),
        Uint8Array.of(shareIndex),
        parseHex(textOf(receiptKey)),
      )
      const to = parseHex(textOf(sharePublicKey))
      const info = encodeUtf8('cloister/share/1')
      return {
        asset,
        shareIndex,
        commitment: commitments[shareIndex]!,
        envelope: hex(await sealEnvelope(to, info, aad, concatBytes(share, xs))),
        policy: messageToJson('KeeperPolicy', policy),
        policySignature,
      }
    }),
  )
  world.keepers.set(asset, {
    ...{ salt, commitments, operators: operators.map((each) => each.toLowerCase()) },
    threshold: 2,
    policy: messageToJson('KeeperPolicy', policy),
    policySignature,
    nodes: nodes.map(({ operator, host }) => ({
      operator: operator.address.toLowerCase(),
      receiptKey: host.hello['receiptKey'] ?? null,
      sharePublicKey: host.hello['sharePublicKey'] ?? null,
    })),
  })
  const acks = []
  for (const [index, deposit] of deposits.entries())
    acks.push(await nodes[index]!.host.ask('share.deposit', deposit))
  return { asset, root, parts: parts.map(sha256), key, salt, owner, deposits, acks, policy }
}

export type SealedAsset = Awaited<ReturnType<typeof sealAsset>>

let nonces = 0n

/** An order for these assets under fresh grants, placed and drawn. */
export async function placeTask(
  network: Network,
  assets: readonly SealedAsset[],
  changes: Partial<Grant> = {},
  of: { readonly app: Hex; readonly manifest: Json } = { app, manifest },
) {
  const { chain, world } = network
  const recipient = await generateEnvelopeKeyPair()
  world.objects.set(sha256(recipient.publicKey).slice(2), recipient.publicKey)
  const { timestamp } = await chain.client.getBlock()
  const grants: Grant[] = assets.map(({ asset, owner }) => ({
    version: 2,
    owner: owner.address,
    assets: [asset],
    apps: [of.app],
    measurements: [network.measurement],
    releaseKey: zeroAddress,
    tcbFloor: 0,
    tierMin: 0,
    tees: 0b100,
    anyNode: true,
    operators: [],
    anyRequester: true,
    requesters: [],
    purpose: 'test',
    priceWei: 0n,
    usesMax: 3,
    usesPerDay: 3,
    notBefore: timestamp - 10n,
    expiry: timestamp + 3000n,
    ownersMin: 1,
    recordsMin: 0,
    outputBytesMax: 200_000_000,
    outputFormats: 63,
    privacyRequired: false,
    epsilonMicros: 0n,
    deltaPicos: 0n,
    reviewKeyHash: zeroHash,
    nonce: nonces++,
    ...changes,
  }))
  const digests = grants.map((grant) => messageDigest(chain.domain, 'Grant', grant))
  const grantSignatures = await Promise.all(
    assets.map(({ owner }, index) => owner.sign({ hash: digests[index]! })),
  )
  const order: Order = {
    requester: people.requester.address,
    app: of.app,
    assets: assets.map(({ asset }) => asset),
    grants: digests,
    recipientKeyHash: sha256(recipient.publicKey),
    tierMin: 0,
    tags: 0,
    replicas: 1,
    feeWei: 1_000_000n,
    attemptSeconds: 600,
    attemptsMax: 3,
    expiry: timestamp + 3000n,
    nonce: nonces++,
    tees: 0b100,
    unitWei: 0n,
    epsilonMicros: 0n,
    deltaPicos: 0n,
  }
  const orderDigest = messageDigest(chain.domain, 'Order', order)
  const task = taskId(orderDigest)
  const { market } = chain.contracts
  await chain.send(people.requester, market, marketAbi, 'place', [order, grants, grantSignatures])
  const placed: Json = {
    order: messageToJson('Order', order),
    grants: grants.map((grant) => messageToJson('Grant', grant)),
    grantSignatures,
    manifest: of.manifest,
  }
  world.orders.set(task, placed)
  const node = await draw(network, task)
  return { task, order, orderDigest, grants, digests, grantSignatures, recipient, node }
}

/** Draws a node for a task once its seed block is there; it is deep enough afterwards. */
export async function draw({ chain, nodes }: Network, task: Hex): Promise<TestNode> {
  const { market } = chain.contracts
  // Later than all that enclaves have seen: blocks of a test may come within one second.
  await chain.client.increaseTime({ seconds: 1 })
  await chain.client.mine({ blocks: 3 })
  await chain.send(people.stranger, market, marketAbi, 'draw', [task])
  await chain.client.mine({ blocks: depth })
  const drawn = await chain.client.readContract({
    address: market,
    abi: marketAbi,
    functionName: 'taskOf',
    args: [task],
  })
  return nodes.find(({ host }) => sameHex(textOf(host.hello['receiptKey']), drawn.node))!
}
