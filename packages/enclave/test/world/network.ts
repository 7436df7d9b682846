import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import {
  concatBytes,
  encodeUtf8,
  parseHex,
  parseJson,
  unixSeconds,
  type Bytes,
  type Json,
} from '@cloister/codec'
import {
  createManufacturer,
  measureTd,
  serveGuestSocket,
  type Manufacturer,
  type Platform,
  type TdMeasurement,
} from '@cloister/emulator'
import {
  appId,
  appRegistryAbi,
  assetId,
  assetRegistryAbi,
  collateralField,
  marketAbi,
  messageDigest,
  messageToJson,
  nodeRegistryAbi,
  sharesHash,
  sortSignatures,
  taskId,
  type Admission,
  type Grant,
  type KeeperPolicy,
  type Order,
} from '@cloister/protocol'
import {
  commitShare,
  generateEnvelopeKeyPair,
  seal,
  sealEnvelope,
  shareX,
  splitKey,
} from '@cloister/seal'
import { zeroHash, type Address, type Hex } from 'viem'
import type { HDAccount } from 'viem/accounts'

import { buildEngine } from '../../../../scripts/build-engine.ts'
import { parseEnclaveConfig, startEnclave, type RunningEnclave } from '../../src/index.ts'
import { createGuestDriver } from '../../src/guest-driver.ts'
import { probeSandbox } from '../../src/sandbox/bubblewrap.ts'
import { people, startHomeChain } from './home-chain.ts'
import { hex, TestHost, type HostWorld } from './test-host.ts'

export const depth = 2
export type Network = Awaited<ReturnType<typeof startNetwork>>
export type TestNode = {
  readonly operator: HDAccount
  readonly platform: Platform
  readonly guestSocket: string
  host: TestHost
  enclave: RunningEnclave
}

const manifestPath = '../../../../apps/tabular-train/manifest.json'
export const manifest = parseJson(
  readFileSync(fileURLToPath(new URL(manifestPath, import.meta.url)), 'utf8'),
  'manifest',
  { charactersMax: 10_000, depthMax: 6 },
)
export const app = appId(manifest)

/** Three nodes with emulated machines, four verifiers' keys, a chain: everything real but the hosts' politeness. */
export async function startNetwork() {
  const folder = mkdtempSync(join(tmpdir(), 'clo-'))
  const engine = join(folder, 'engine')
  await buildEngine(engine)
  const chain = await startHomeChain()
  const now = unixSeconds(Math.floor(Date.now() / 1000) - 3600)
  const manufacturer = createManufacturer({ seed: new Uint8Array(32).fill(7), now })
  const imageFile = join(folder, 'image')
  writeFileSync(imageFile, 'what this virtual machine runs')
  const measured = await measureTd({
    files: [{ name: 'image', path: imageFile }],
    runtime: 'image',
    entry: 'image',
  })
  const nodes: TestNode[] = []
  const world: HostWorld = {
    chain,
    objects: new Map(),
    orders: new Map(),
    keepers: new Map(),
    collateral: () => collateralField.encode(manufacturer.collateral()),
    depth,
    nodeOf: (operator) =>
      nodes.find((node) => node.operator.address.toLowerCase() === operator)?.host,
    committee: { epoch: 0n, signers: people.verifiers, handovers: [] },
  }
  const network = { folder, engine, chain, manufacturer, measured, nodes, world }
  await approve(network)
  for (const [index, operator] of people.operators.entries()) {
    const node = await startNode(network, operator, index + 1)
    nodes.push(node)
    await admit(network, node)
  }
  await chain.client.mine({ blocks: depth + 1 })
  return {
    ...network,
    measurement: hexText(measured.measurement),
    stop: async () => {
      for (const node of nodes) await node.enclave.close()
      await chain.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

type Parts = {
  readonly folder: string
  readonly engine: string
  readonly chain: Awaited<ReturnType<typeof startHomeChain>>
  readonly manufacturer: Manufacturer
  readonly measured: TdMeasurement
  readonly nodes: readonly TestNode[]
  readonly world: HostWorld
}

let sockets = 0

/** Starts an enclave on an emulated machine, and a host beside it. */
export async function startNode(
  parts: Parts,
  operator: HDAccount,
  machine: number,
  platform: Platform = parts.manufacturer.createPlatform({
    machineSeed: new Uint8Array(16).fill(machine),
  }),
): Promise<TestNode> {
  const guestSocket = join(parts.folder, `g${sockets}`)
  await serveGuestSocket({ platform, measurement: parts.measured, socketPath: guestSocket })
  const { enclave, host } = await startOn(parts, guestSocket)
  return { operator, platform, guestSocket, host, enclave }
}

/** A fresh enclave and host on a machine that is there already: what a restart is. */
export async function startOn(parts: Parts, guestSocket: string) {
  const socketPath = join(parts.folder, `e${sockets++}`)
  const enclave = await startEnclave({
    config: parseEnclaveConfig(encodeUtf8(JSON.stringify(configOf(parts))), false),
    driver: createGuestDriver(guestSocket),
    runtime: {
      program: {
        node: process.execPath,
        files: ['engine.js', 'onnxruntime_binding.node', 'libonnxruntime.so.1'].map((name) => ({
          from: join(parts.engine, name),
          to: `/app/engine/${name}`,
        })),
        entry: '/app/engine/engine.js',
      },
      sandbox: probeSandbox(process.execPath),
    },
    socketPath,
  })
  const host = new TestHost(parts.world)
  await host.connect(socketPath)
  return { enclave, host }
}

/** The configuration file of these enclaves. */
export function configOf({ chain, manufacturer }: Pick<Parts, 'chain' | 'manufacturer'>) {
  const { ledger, market, assetRegistry, nodeRegistry, appRegistry, committee } = chain.contracts
  return {
    format: 'cloister-enclave/1',
    insecureDevnet: true,
    requireSandbox: false,
    guestSocket: '../guest.sock',
    chain: {
      chainId: chain.domain.chainId,
      ...{ ledger, market, assetRegistry, nodeRegistry, appRegistry, committee },
    },
    genesis: { epoch: '0', members: chain.genesis },
    anchors: [{ kind: 'insecure-devnet', name: manufacturer.anchorSpkiSha256 }],
    depth,
    checkpointSeconds: 20,
    storageLayout: 1,
  }
}

async function approve({ chain, measured }: Parts): Promise<void> {
  const { appRegistry } = chain.contracts
  const { governance } = people
  await chain.send(governance, appRegistry, appRegistryAbi, 'setApp', [app, 1])
  await chain.send(governance, appRegistry, appRegistryAbi, 'setMeasurement', [
    hexText(measured.measurement),
    true,
  ])
}

/** Has four verifiers sign a node's admission, as they would after appraising it. */
export async function admit({ chain, measured }: Parts, node: TestNode): Promise<void> {
  const { receiptKey, sharePublicKey, machineId } = node.host.hello
  const beacon = await chain.client.getBlock()
  const admission: Admission = {
    operator: node.operator.address,
    receiptKey: hexText(String(receiptKey)),
    shareKeyHash: sha256(parseHex(String(sharePublicKey))),
    machineId: hexText(String(machineId)),
    measurement: hexText(measured.measurement),
    tcb: 0,
    tier: 0,
    tags: 0,
    expiry: beacon.timestamp + 86_400n,
    bundleDigest: zeroHash,
    appraisalDigest: zeroHash,
    beacon: beacon.hash,
  }
  const digest = messageDigest(chain.domain, 'Admission', admission)
  const signatures = await sortSignatures(
    digest,
    await Promise.all(people.verifiers.map((verifier) => verifier.sign({ hash: digest }))),
  )
  await chain.send(node.operator, chain.contracts.nodeRegistry, nodeRegistryAbi, 'admit', [
    admission,
    'http://127.0.0.1:1',
    beacon.number,
    signatures,
    '0x',
  ])
  await chain.send(node.operator, chain.contracts.nodeRegistry, nodeRegistryAbi, 'setCapacity', [
    ...[receiptKey, 1000],
  ])
}

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
  const sealed = await seal(key, context, plain)
  const root = sha256(sealed)
  world.objects.set(root.slice(2), sealed)
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
    tcbFloor: 0,
    tierMin: 0,
    operators,
    expiry: 10_000_000_000n,
  }
  const policyDigest = messageDigest(chain.domain, 'KeeperPolicy', policy)
  const policySignature = await owner.sign({ hash: policyDigest })
  const shares = { commitments, operators, threshold: 2 }
  await chain.send(owner, chain.contracts.assetRegistry, assetRegistryAbi, 'register', [
    ...[root, salt, shares, policyDigest],
    zeroHash,
  ])
  const [c0, c1, c2] = commitments
  sharesHash({
    commitments: [c0!, c1!, c2!],
    operators: [operators[0]!, operators[1]!, operators[2]!],
    threshold: 2,
  })
  const xs = Uint8Array.from(split.map(shareX))
  const deposits = await Promise.all(
    split.map(async (share, shareIndex) => {
      const { receiptKey, sharePublicKey } = nodes[shareIndex]!.host.hello
      const aad = concatBytes(
        parseHex(chain.deployment),
        parseHex(asset),
        Uint8Array.of(shareIndex),
        parseHex(String(receiptKey)),
      )
      const to = parseHex(String(sharePublicKey))
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
  const acks = []
  for (const [index, deposit] of deposits.entries())
    acks.push(await nodes[index]!.host.ask('share.deposit', deposit))
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
  return { asset, root, key, salt, owner, deposits, acks, policy }
}

export type SealedAsset = Awaited<ReturnType<typeof sealAsset>>

let nonces = 0n

/** An order for these assets under fresh grants, placed and drawn. */
export async function placeTask(
  network: Network,
  assets: readonly SealedAsset[],
  changes: Partial<Grant> = {},
) {
  const { chain, world } = network
  const recipient = await generateEnvelopeKeyPair()
  world.objects.set(sha256(recipient.publicKey).slice(2), recipient.publicKey)
  const { timestamp } = await chain.client.getBlock()
  const grants: Grant[] = assets.map(({ asset, owner }) => ({
    owner: owner.address,
    asset,
    apps: [app],
    measurements: [network.measurement],
    tcbFloor: 0,
    tierMin: 0,
    anyNode: true,
    operators: [],
    anyRequester: true,
    requesters: [],
    purpose: 'test',
    priceWei: 0n,
    usesMax: 3,
    notBefore: timestamp - 10n,
    expiry: timestamp + 3000n,
    outputBytesMax: 200_000_000,
    nonce: nonces++,
    ...changes,
  }))
  const digests = grants.map((grant) => messageDigest(chain.domain, 'Grant', grant))
  const grantSignatures = await Promise.all(
    assets.map(({ owner }, index) => owner.sign({ hash: digests[index]! })),
  )
  const order: Order = {
    requester: people.requester.address,
    app,
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
  }
  const orderDigest = messageDigest(chain.domain, 'Order', order)
  const task = taskId(orderDigest)
  const { market } = chain.contracts
  await chain.send(people.requester, market, marketAbi, 'place', [order, grants, grantSignatures])
  const placed: Json = {
    order: messageToJson('Order', order),
    grants: grants.map((grant) => messageToJson('Grant', grant)),
    grantSignatures,
    manifest,
  }
  world.orders.set(task, placed)
  const node = await draw(network, task)
  return { task, order, orderDigest, grants, digests, grantSignatures, recipient, node }
}

/** Draws a node for a task once its seed block is there; it is deep enough afterwards. */
export async function draw({ chain, nodes }: Network, task: Hex): Promise<TestNode> {
  const { market } = chain.contracts
  await chain.client.mine({ blocks: 3 })
  await chain.send(people.stranger, market, marketAbi, 'draw', [task])
  await chain.client.mine({ blocks: depth })
  const drawn = await chain.client.readContract({
    address: market,
    abi: marketAbi,
    functionName: 'taskOf',
    args: [task],
  })
  return nodes.find(({ host }) => sameAddress(host.hello['receiptKey'], drawn.node))!
}

function sameAddress(a: Json | undefined, b: Address): boolean {
  return String(a).toLowerCase() === b.toLowerCase()
}

/** SHA-256 as `0x` hexadecimal, by Node's own. */
export function sha256(bytes: Uint8Array): Hex {
  return `0x${createHash('sha256').update(bytes).digest('hex')}`
}

function hexText(text: string): Hex {
  return `0x${text.replace(/^0x/, '')}`
}
