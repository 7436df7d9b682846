import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { insecureDevnetAnchor, type DevnetAnchor } from '@cloister/attest'
import { OperationError, parseJson, unixSeconds, type Json } from '@cloister/codec'
import {
  createManufacturer,
  measureTd,
  serveCollateral,
  type CollateralService,
  type Manufacturer,
} from '@cloister/emulator'
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
import { startVerifier, verifierRoles } from './verifiers.ts'

/** How a devnet is started. */
export type DevnetOptions = {
  /** Absent: a temporary folder, removed at the end. */
  readonly folder?: string
  /** How many nodes; three unless said, at least three for 2-of-3 shares. */
  readonly nodes?: number
  /** Faults of every node's host. */
  readonly hostFaults?: readonly string[]
  /** The machine that signs a node's quotes, given its own: another one only to show what happens then. */
  readonly quoteFrom?: NodeOptions['quoteFrom']
  /** Faults of each verifier, in order. */
  readonly verifierFaults?: readonly (readonly string[])[]
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
  readonly manufacturer: Manufacturer
  /** What every honest node runs. */
  readonly image: RuntimeImage
  /** Nodes that were started with the devnet, by place; a restarted one takes its place again. */
  readonly nodes: DevnetNode[]
  /** Starts another node, which asks to be admitted by itself. It is stopped with the devnet. */
  startNode(options: Omit<NodeOptions, 'port'>): Promise<DevnetNode>
  stop(): Promise<void>
}

const homeChainId = 31337
const spokeChainId = 31338
/** Apps that a devnet lists, by their folder below `apps/`. */
const appNames = ['tabular-train', 'tabular-infer'] as const
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
  const count = options.nodes ?? 3
  phase('chains, contracts and the enclave')
  const ground = await layGround(folders, closers, count)
  const { home, spoke, contracts, manufacturer, image, deployment } = ground

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
  const indexes = Array.from({ length: count }, (_, index) => index + 1)
  const hostFaults = options.hostFaults ?? []
  const relay = options.quoteFrom === undefined ? {} : { quoteFrom: options.quoteFrom }
  const startingNodes = whole(
    indexes.map((index) => startOne({ index, image, tcb: 'UpToDate', hostFaults, ...relay })),
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
    ...{ folders, deployment, home, spoke, manufacturer, image, nodes, stop },
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

/** Chains, contracts, the measured image and the manifest: what every process of the network then starts from. */
async function layGround(folders: Folders, closers: Closers, count: number) {
  const building = buildEnclave(folders.build)
  building.catch(() => undefined) // Judged where it is awaited, which may be later than it fails.
  const { home, spoke } = await startChains(folders, closers)
  const genesis = { epoch: 0n, members: sortAddresses(verifierAddresses()) }
  const [build, contracts, spokeContracts] = await Promise.all([
    building,
    deployHome(home, genesis.members),
    deploySpoke(spoke, homeChainId, genesis.members),
  ])
  const manufacturer = newManufacturer()
  const anchor = insecureDevnetAnchor(manufacturer.anchorSpkiSha256)
  const image = runtimeImage(build, { chainId: homeChainId, contracts, genesis, anchor })
  const [measurement, ports, collateral] = await Promise.all([
    measureTd(image).then((td): Hex => `0x${td.measurement}`),
    freePorts(verifierRoles.length + nodesMax),
    serveCollateral(manufacturer),
    fundAccounts(home, contracts, { chainId: spokeChainId, ...spokeContracts }),
  ])
  closers.push(() => collateral.close())
  const manifests = appNames.map(readManifest)
  await approve(home, contracts, measurement, manifests)
  const verifiers = verifierRoles.map((role, index) => ({
    address: accountOf(role).address,
    url: `http://127.0.0.1:${ports[index]}`,
  }))
  const nodePorts = ports.slice(verifiers.length)
  const known = { home, spoke, contracts, spokeContracts, genesis, anchor, measurement, manifests }
  const deployment = describe({ ...known, verifiers, nodePorts: nodePorts.slice(0, count) })
  writeFileSync(folders.deploymentFile, encodeDeployment(deployment))
  return {
    ...{ home, spoke, contracts, manufacturer, image, deployment, nodePorts },
    network: nodeNetwork(manufacturer, collateral, home, folders),
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

function newManufacturer(): Manufacturer {
  return createManufacturer({
    seed: new Uint8Array(randomBytes(32)),
    // An hour ago, so that no block's time lies before the collateral's.
    now: unixSeconds(Math.floor(Date.now() / 1000) - 3600),
  })
}

function verifierAddresses() {
  return verifierRoles.map((role) => accountOf(role).address)
}

/** Lists the apps and approves what the enclaves run, as governance. */
function approve(
  home: Chain,
  { appRegistry }: Contracts,
  measurement: Hex,
  manifests: readonly Json[],
): Promise<void> {
  return sendBatch(home, accountOf('governance'), [
    {
      to: appRegistry,
      data: encodeFunctionData({
        abi: appRegistryAbi,
        functionName: 'setMeasurement',
        args: [measurement, true],
      }),
    },
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
  readonly anchor: DevnetAnchor
  readonly measurement: Hex
  readonly manifests: readonly Json[]
  readonly verifiers: Deployment['verifiers']
  readonly nodePorts: readonly number[]
}): Deployment {
  const { home, spoke, contracts, spokeContracts, manifests, nodePorts } = known
  return {
    format: 'cloister-deployment/1',
    home: { chainId: homeChainId, rpcUrl: home.url, contracts },
    spokes: [{ chainId: spokeChainId, rpcUrl: spoke.url, contracts: spokeContracts }],
    genesisCommittee: known.genesis,
    anchors: [known.anchor],
    measurements: [known.measurement],
    apps: manifests.map((manifest, index) => ({
      name: appNames[index] ?? '',
      id: appId(manifest),
      manifest,
    })),
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
  manufacturer: Manufacturer,
  collateral: CollateralService,
  home: Chain,
  folders: Folders,
): NodeNetwork {
  return {
    ...{ manufacturer, folders },
    // No node of another vendor is there yet to ask the other one.
    collateralUrls: { intel: collateral.url, amd: collateral.url },
    homeUrl: home.url,
    fromBlock: 0,
    deploymentFile: folders.deploymentFile,
  }
}
