import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import {
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
  messageDigest,
  nodeCollateralField,
  nodeRegistryAbi,
  sortSignatures,
  type Admission,
} from '@cloister/protocol'
import { zeroHash, type Hex } from 'viem'
import type { HDAccount } from 'viem/accounts'

import { buildEngine } from '../../../../scripts/build-engine.ts'
import {
  openEvidenceSource,
  parseEnclaveConfig,
  startEnclave,
  type RunningEnclave,
} from '../../src/index.ts'
import { createSnpSealing } from '../../src/sealing-driver.ts'
import { probeSandbox } from '../../src/sandbox/bubblewrap.ts'
import { nodeProgram } from '../../src/sandbox/program.ts'
import { people, startHomeChain } from './home-chain.ts'
import { TestHost, textOf, type HostWorld } from './test-host.ts'

export const depth = 2
export type Network = Awaited<ReturnType<typeof startNetwork>>
export type TestNode = {
  readonly operator: HDAccount
  readonly platform: Platform
  readonly guestSocket: string
  socketPath: string
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
export async function startNetwork({
  sealing = false,
  gpus,
}: { sealing?: boolean; gpus?: Gpus } = {}) {
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
    collateral: () => nodeCollateralField('tdx').encode({ intel: manufacturer.collateral() }),
    deviceCollateral: () => gpus?.collateral() ?? null,
    depth,
    nodeOf: (operator) =>
      nodes.find((node) => node.operator.address.toLowerCase() === operator)?.host,
    committee: { epoch: 0n, signers: people.verifiers, handovers: [] },
  }
  const network = { folder, engine, chain, manufacturer, measured, nodes, world, sealing, gpus }
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

/** What every machine of a network has beside its CPU: a program that answers for its GPUs, their documents and their maker's roots. */
export type Gpus = {
  readonly command: string
  readonly anchors: readonly string[]
  readonly collateral: () => Json
}

type Parts = {
  readonly folder: string
  readonly engine: string
  readonly chain: Awaited<ReturnType<typeof startHomeChain>>
  readonly manufacturer: Manufacturer
  readonly measured: TdMeasurement
  readonly nodes: readonly TestNode[]
  readonly world: HostWorld
  /** Machines whose TEE can seal. */
  readonly sealing?: boolean
  readonly gpus?: Gpus | undefined
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
  const chipSecret = new Uint8Array(32).fill(machine)
  const machineParts = { platform, measurement: parts.measured, socketPath: guestSocket }
  await serveGuestSocket({ ...machineParts, ...(parts.sealing ? { chipSecret } : {}) })
  const { enclave, host, socketPath } = await startOn(parts, guestSocket)
  return { operator, platform, guestSocket, socketPath, host, enclave }
}

/** A fresh enclave and host on a machine that is there already: what a restart is. */
export async function startOn(parts: Parts, guestSocket: string, shownSealed?: Bytes) {
  const socketPath = join(parts.folder, `e${sockets++}`)
  const enclave = await startEnclave({
    config: parseEnclaveConfig(encodeUtf8(JSON.stringify(configOf(parts))), false),
    source: openEvidenceSource({ tee: 'tdx', driver: 'dstack', path: guestSocket }, parts.folder),
    sealing: parts.sealing ? createSnpSealing(guestSocket) : undefined,
    runtime: {
      program: nodeProgram({
        node: process.execPath,
        files: ['engine.js', 'onnxruntime_binding.node', 'libonnxruntime.so.1'].map((name) => ({
          from: join(parts.engine, name),
          to: `/app/engine/${name}`,
        })),
        entry: '/app/engine/engine.js',
      }),
      node: process.execPath,
      sandbox: probeSandbox(process.execPath),
    },
    socketPath,
  })
  const host = new TestHost(parts.world)
  host.shownSealed = shownSealed
  await host.connect(socketPath)
  await host.ask('state.open', {})
  return { enclave, host, socketPath }
}

/** The configuration file of these enclaves. */
export function configOf({
  chain,
  manufacturer,
  gpus,
}: Pick<Parts, 'chain' | 'manufacturer' | 'gpus'>) {
  const { ledger, market, assetRegistry, nodeRegistry, appRegistry, committee, releaseKeys } =
    chain.contracts
  return {
    format: 'cloister-enclave/2',
    insecureDevnet: true,
    requireSandbox: false,
    evidence: { tee: 'tdx', driver: 'dstack', path: '../guest.sock' },
    chain: {
      chainId: chain.domain.chainId,
      ...{ ledger, market, assetRegistry, nodeRegistry, appRegistry, committee, releaseKeys },
    },
    genesis: { epoch: '0', members: chain.genesis },
    anchors: [manufacturer.anchorSpkiSha256, ...(gpus?.anchors ?? [])].map((name) => ({
      kind: 'insecure-devnet',
      name,
    })),
    ...(gpus && { accelerator: { kind: 'nvidia', command: gpus.command } }),
    depth,
    checkpointSeconds: 20,
    storageLayout: 2,
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
    receiptKey: hexText(textOf(receiptKey)),
    shareKeyHash: sha256(parseHex(textOf(sharePublicKey))),
    machineId: hexText(textOf(machineId)),
    measurement: hexText(measured.measurement),
    tcb: 0,
    tier: 0,
    tags: 0,
    expiry: beacon.timestamp + 86_400n,
    bundleDigest: zeroHash,
    appraisalDigest: zeroHash,
    beacon: beacon.hash,
    tee: 2,
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

/** SHA-256 as `0x` hexadecimal, by Node's own. */
export function sha256(bytes: Uint8Array): Hex {
  return `0x${createHash('sha256').update(bytes).digest('hex')}`
}

function hexText(text: string): Hex {
  return `0x${text.replace(/^0x/, '')}`
}
