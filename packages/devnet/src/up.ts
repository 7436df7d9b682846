import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import type { DevnetAnchor } from '@cloister/attest'
import { OperationError, parseJson, type Json } from '@cloister/codec'
import { measureGuest, type GuestTee } from '@cloister/emulator'
import { Chain } from '@cloister/io'
import {
  appId,
  appRegistryAbi,
  encodeDeployment,
  errorsAbi,
  nodeRegistryAbi,
  sortAddresses,
  type CommitteeSet,
  type Contracts,
  type Deployment,
} from '@cloister/protocol'
import { encodeFunctionData, getAddress, type Hex } from 'viem'

import { buildEnclave } from '../../../scripts/build-enclave.ts'
import { accountOf } from './accounts.ts'
import { startAnvil } from './anvil.ts'
import { sendBatch } from './batch.ts'
import { deployHome, deploySpoke, fundAccounts, type SpokeContracts } from './deploy.ts'
import { makeFolders, type Folders } from './folders.ts'
import {
  operatorRole,
  startNode,
  type DevnetNode,
  type NodeNetwork,
  type NodeOptions,
} from './node.ts'
import { freePorts } from './ports.ts'
import { devnetDepth, runtimeImage, type RuntimeImage } from './runtime-image.ts'
import { anchorOf, createVendors, devnetTees, serveVendors, type Vendors } from './vendors.ts'
import { startVerifier, verifierRoles } from './verifiers.ts'

/** An app that a devnet lists, under a name of its own. */
export type DevnetApp = { readonly name: string; readonly manifest: Json }

/** How a devnet is started. */
export type DevnetOptions = {
  /** Absent: a temporary folder, removed at the end. */
  readonly folder?: string
  /** The kinds of its nodes' machines; one of each vendor unless said, at least three for 2-of-3 shares. */
  readonly nodes?: readonly GuestTee[]
  /** Faults of every node's host. */
  readonly hostFaults?: readonly string[]
  /** The machine that signs a node's evidence, given its own: another one only to show what happens then. */
  readonly evidenceFrom?: NodeOptions['evidenceFrom']
  /** Faults of each verifier, in order. */
  readonly verifierFaults?: readonly (readonly string[])[]
  /** Apps to list besides the project's own that need no building. */
  readonly apps?: readonly DevnetApp[]
  /** Also approves and lists a second runtime of each kind, to which nodes can be upgraded. */
  readonly withUpgrade?: boolean
  /** Told of each phase as it begins. */
  readonly onPhase?: (phase: string) => void
}

/** A devnet that runs. */
export type Devnet = {
  readonly folders: Folders
  readonly deployment: Deployment
  readonly seconds: number
  readonly home: Chain
  readonly spoke: Chain
  readonly vendors: Vendors
  /** Nodes that were started with the devnet, by place; a restarted one takes its place again. */
  readonly nodes: DevnetNode[]
  /** The runtime that a node of this one is upgraded to; approved where the devnet was started with an upgrade. */
  readonly upgradeOf: (image: RuntimeImage) => RuntimeImage
  /** Starts another node, which asks to be admitted by itself. It is stopped with the devnet. */
  startNode(options: Omit<NodeOptions, 'port'>): Promise<DevnetNode>
  stop(): Promise<void>
}

const homeChainId = 31337
const spokeChainId = 31338
/** Apps that a devnet lists, by their folder below `apps/`. */
const appNames = [
  'tabular-train',
  'tabular-infer',
  'tabular-serve',
  'image-train',
  'private-train',
  'federated-train',
] as const
const admittedSecondsMax = 30
const nodesMax = 4

/**
 * Starts everything, and waits until every node is certified.
 *
 * @throws {OperationError} naming what did not start; nothing is left running then.
 */
export async function startDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const folders = makeFolders(options.folder)
  const closers: Closers = [() => folders.remove()]
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).toReversed()) await close()
  }
  try {
    return await start(options, folders, closers, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

type Closers = (() => Promise<unknown> | void)[]

async function start(
  options: DevnetOptions,
  folders: Folders,
  closers: Closers,
  stop: () => Promise<void>,
): Promise<Devnet> {
  const started = performance.now()
  const phase = options.onPhase ?? (() => undefined)
  const tees = options.nodes ?? devnetTees
  phase('chains, contracts and the enclave')
  const ground = await layGround(folders, closers, tees, options)
  const { home, spoke, contracts, vendors, imageOf, deployment } = ground

  phase('verifiers and nodes')
  // These are stopped side by side; each waits for nobody.
  const parts: Closers = []
  closers.push(() => whole(parts.splice(0).map(async (close) => close())))
  const startOne = async (chosen: Omit<NodeOptions, 'port'>): Promise<DevnetNode> => {
    const port = ground.nodePorts[chosen.index - 1] ?? 0
    const node = await startNode(ground.network, { ...chosen, port })
    parts.push(() => node.stop())
    return node
  }
  const hostFaults = options.hostFaults ?? []
  const { evidenceFrom } = options
  const relay = evidenceFrom === undefined ? {} : { evidenceFrom }
  const startingNodes = whole(
    tees.map((tee, place) =>
      startOne({ index: place + 1, image: imageOf(tee), tcb: 'UpToDate', hostFaults, ...relay }),
    ),
  )
  await whole([
    startingNodes.then(() => undefined),
    ...deployment.verifiers.map(async ({ url }, index) => {
      const faults = options.verifierFaults?.[index] ?? []
      const place = { index, faults, port: Number(new URL(url).port), homeUrl: home.url }
      const child = await startVerifier(folders, place)
      parts.push(() => child.stop())
    }),
  ])
  const nodes = await startingNodes
  phase('admission of the nodes')
  await Promise.all(nodes.map((node) => waitCertified(home, contracts, node)))
  return {
    ...{ folders, deployment, home, spoke, vendors, nodes, stop, upgradeOf },
    seconds: (performance.now() - started) / 1000,
    startNode: async (chosen) => {
      const node = await startOne(chosen)
      const place = nodes.findIndex(({ index }) => index === node.index)
      if (place >= 0) nodes[place] = node
      return node
    },
  }
}

// Where one fails the others are still waited for: nothing starts after everything was stopped.
async function whole<T>(parts: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(parts)
  const failed = outcomes.find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
}

/** Chains, contracts, the measured images and the manifest: what every process of the network then starts from. */
async function layGround(
  folders: Folders,
  closers: Closers,
  tees: readonly GuestTee[],
  { apps: more = [], withUpgrade = false }: Pick<DevnetOptions, 'apps' | 'withUpgrade'>,
) {
  const building = buildEnclave(folders.build)
  building.catch(() => undefined) // Judged where it is awaited, which may be later than it fails.
  const { home, spoke } = await startChains(folders, closers)
  const genesis = { epoch: 0n, members: sortAddresses(verifierAddresses()) }
  const [build, contracts, spokeContracts] = await Promise.all([
    building,
    deployHome(home, genesis.members),
    deploySpoke(spoke, homeChainId, genesis.members),
  ])
  const vendors = createVendors()
  const kinds = devnetTees.filter((tee) => tees.includes(tee))
  const anchors = kinds.map((tee) => anchorOf(vendors, tee))
  const imageOf = (tee: GuestTee): RuntimeImage =>
    runtimeImage(build, { chainId: homeChainId, contracts, genesis, anchors }, tee)
  const [measurements, ports, collateral] = await Promise.all([
    Promise.all(
      kinds
        .map(imageOf)
        .flatMap((image) => (withUpgrade ? [image, upgradeOf(image)] : [image]))
        .map(measurementOf),
    ),
    freePorts(verifierRoles.length + nodesMax),
    serveVendors(vendors),
    fundAccounts(home, contracts, { chainId: spokeChainId, ...spokeContracts }),
  ])
  closers.push(() => collateral.close())
  const apps = [...appNames.map((name) => ({ name, manifest: readManifest(name) })), ...more]
  const manifests = apps.map(({ manifest }) => manifest)
  await approve(home, contracts, measurements, manifests)
  const verifiers = verifierRoles.map((role, index) => ({
    address: accountOf(role).address,
    url: `http://127.0.0.1:${ports[index]}`,
  }))
  const nodePorts = ports.slice(verifiers.length)
  const known = {
    home,
    spoke,
    contracts,
    spokeContracts,
    genesis,
    anchors,
    measurements,
    apps,
  }
  const deployment = describe({ ...known, verifiers, nodePorts: nodePorts.slice(0, tees.length) })
  writeFileSync(folders.deploymentFile, encodeDeployment(deployment))
  return {
    ...{ home, spoke, contracts, vendors, imageOf, deployment, nodePorts },
    network: nodeNetwork(vendors, collateral.urls, home, folders),
  }
}

/**
 * Waits until the committee has admitted a node.
 *
 * @throws {OperationError} `not-admitted`, pointing at its log.
 */
export async function waitCertified(
  home: Chain,
  contracts: Pick<Contracts, 'nodeRegistry'>,
  node: DevnetNode,
  seconds: number = admittedSecondsMax,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (performance.now() < deadline) {
    const certified = await home.read({
      address: contracts.nodeRegistry,
      abi: nodeRegistryAbi,
      functionName: 'certified',
      args: [getAddress(node.receiptKey)],
    })
    if (certified) return
    await sleep(100)
  }
  throw new OperationError(
    'not-admitted',
    `Node ${node.index} was not admitted within ${seconds} s: its log, node-${node.index}.log, says what the verifiers answered`,
  )
}

async function startChains(
  folders: Folders,
  closers: Closers,
): Promise<{ readonly home: Chain; readonly spoke: Chain }> {
  const connect = async (name: string, chainId: number): Promise<Chain> => {
    const statePath = `${folders.chains}/${name}.json`
    const anvil = await startAnvil({ name: `the ${name} chain`, chainId, port: 0, statePath })
    closers.push(() => anvil.child.stop())
    return Chain.connect({ url: anvil.url, chainId, errors: errorsAbi, pollMs: 200 })
  }
  const [home, spoke] = await Promise.all([
    connect('home', homeChainId),
    connect('spoke', spokeChainId),
  ])
  return { home, spoke }
}

// Its measured configuration differs in one harmless number: another measurement, as any change of a runtime makes.
function upgradeOf(image: RuntimeImage): RuntimeImage {
  const fields = Object.entries(image.config ?? {})
  return { ...image, config: Object.fromEntries([...fields, ['checkpointSeconds', 29]]) }
}

async function measurementOf(image: RuntimeImage): Promise<Hex> {
  return `0x${(await measureGuest(image, image.tee)).measurement}`
}

function verifierAddresses() {
  return verifierRoles.map((role) => accountOf(role).address)
}

/** Lists the apps and approves what the enclaves run, as governance. */
function approve(
  home: Chain,
  { appRegistry }: Contracts,
  measurements: readonly Hex[],
  manifests: readonly Json[],
): Promise<void> {
  return sendBatch(home, accountOf('governance'), [
    ...measurements.map((measurement) => ({
      to: appRegistry,
      data: encodeFunctionData({
        abi: appRegistryAbi,
        functionName: 'setMeasurement',
        args: [measurement, true],
      }),
    })),
    ...manifests.map((manifest) => ({
      to: appRegistry,
      data: encodeFunctionData({
        abi: appRegistryAbi,
        functionName: 'setApp',
        args: [appId(manifest), 1],
      }),
    })),
  ])
}

function readManifest(name: (typeof appNames)[number]): Json {
  const path = fileURLToPath(import.meta.resolve(`../../../apps/${name}/manifest.json`))
  return parseJson(readFileSync(path, 'utf8'), path, { charactersMax: 65_536, depthMax: 16 })
}

function describe(known: {
  readonly home: Chain
  readonly spoke: Chain
  readonly contracts: Contracts
  readonly spokeContracts: SpokeContracts
  readonly genesis: CommitteeSet
  readonly anchors: readonly DevnetAnchor[]
  readonly measurements: readonly Hex[]
  readonly apps: readonly DevnetApp[]
  readonly verifiers: Deployment['verifiers']
  readonly nodePorts: readonly number[]
}): Deployment {
  const { home, spoke, contracts, spokeContracts, apps, nodePorts } = known
  return {
    format: 'cloister-deployment/1',
    home: { chainId: homeChainId, rpcUrl: home.url, contracts },
    spokes: [{ chainId: spokeChainId, rpcUrl: spoke.url, contracts: spokeContracts }],
    genesisCommittee: known.genesis,
    anchors: known.anchors,
    measurements: known.measurements,
    apps: apps.map(({ name, manifest }) => ({ name, id: appId(manifest), manifest })),
    verifiers: known.verifiers,
    nodes: nodePorts.map((port, index) => ({
      operator: accountOf(operatorRole(index + 1)).address,
      url: `http://127.0.0.1:${port}`,
    })),
    policy: {
      tcbFloor: 3,
      tierMin: 0,
      tcbEvaluationDataNumber: 0,
      rootCrlNumber: 0n,
      pckCrlNumber: 0n,
    },
    depth: devnetDepth,
  }
}

function nodeNetwork(
  vendors: Vendors,
  collateralUrls: NodeNetwork['collateralUrls'],
  home: Chain,
  folders: Folders,
): NodeNetwork {
  return {
    ...{ vendors, folders, collateralUrls },
    homeUrl: home.url,
    fromBlock: 0,
    deploymentFile: folders.deploymentFile,
  }
}
