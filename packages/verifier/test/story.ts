import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { encodeHex, type Bytes, type Json } from '@cloister/codec'
import {
  type Chain,
  createHttpApp,
  createKeyFile,
  fetchJson,
  refusalOf,
  Secret,
  serveHttp,
  type HttpServer,
} from '@cloister/io'
import {
  appId,
  digestOf,
  encodeDeployment,
  committeeAbi,
  marketAbi,
  messageToJson,
  nodeRegistryAbi,
  slotsByContract,
  type ChainProofs,
  type Deployment,
  type SignedReceipt,
  type SlotPlace,
} from '@cloister/protocol'
import { encodeFunctionData, type Hex, type PrivateKeyAccount } from 'viem'

import { readVerifierConfig, type VerifierConfig } from '../src/config.ts'
import {
  addresses,
  depth,
  makeAttempt,
  makeOrder,
  manifest,
  measurement,
  type Attempt,
  type AttemptInput,
  type TestNode,
  type Wrong,
} from './attempt.ts'
import { chainId, feeWei, type World } from './world.ts'

/** Serves what a node's host serves of postings, and can be told not to. */
export type TestHost = {
  readonly url: string
  readonly objects: Map<string, Bytes>
  readonly tasks: Map<string, Json>
  admission: Json | undefined
  /** How long an object is held back, asked anew for each request. */
  delayMs: (digest: string) => number
  readonly close: () => Promise<void>
}

export async function serveTestHost(): Promise<TestHost> {
  const app = createHttpApp()
  const host = { objects: new Map<string, Bytes>(), tasks: new Map<string, Json>() }
  const state: Pick<TestHost, 'admission' | 'delayMs'> = { admission: undefined, delayMs: () => 0 }
  app.get('/v1/tasks/:task/:attempt', (c) => {
    const found = host.tasks.get(`${c.req.param('task')}/${c.req.param('attempt')}`)
    return found === undefined ? c.notFound() : c.body(JSON.stringify(found))
  })
  app.get('/v1/objects/:digest', async (c) => {
    await sleep(state.delayMs(c.req.param('digest')))
    const found = host.objects.get(c.req.param('digest'))
    return found === undefined ? c.notFound() : c.body(found)
  })
  app.get('/v1/admission', (c) =>
    state.admission === undefined ? c.notFound() : c.body(JSON.stringify(state.admission)),
  )
  const server: HttpServer = await serveHttp({ app, port: 0 })
  return Object.assign(state, { ...host, url: server.url, close: () => server.close(100) })
}

export function offer(host: TestHost, attempt: Attempt): void {
  const { signed, bundleBytes, output } = attempt
  host.objects.set(encodeHex(sha(bundleBytes)), bundleBytes)
  host.objects.set(encodeHex(sha(output)), output)
  host.tasks.set(`${signed.posting.task}/${signed.posting.attempt}`, taskJson(signed))
}

export function taskJson(signed: SignedReceipt): Json {
  return {
    posting: messageToJson('Posting', signed.posting),
    operatorSignature: signed.operatorSignature,
    receipt: messageToJson('Receipt', signed.receipt),
    receiptSignature: signed.receiptSignature,
    bundleDigest: signed.posting.bundleDigest,
  }
}

function sha(bytes: Bytes): Bytes {
  return new Uint8Array(Buffer.from(digestOf(bytes).slice(2), 'hex'))
}

/** Writes the deployment manifest of a world. */
export function writeDeployment(world: World): string {
  const deployment: Deployment = {
    format: 'cloister-deployment/1',
    home: { chainId, rpcUrl: world.url, contracts: world.contracts },
    spokes: [],
    genesisCommittee: { epoch: 0n, members: addresses(world.committee) },
    anchors: [world.anchor],
    measurements: [measurement],
    apps: [{ name: 'test', id: appId(manifest), manifest }],
    verifiers: [],
    nodes: [],
    policy: {
      tcbFloor: 3,
      tierMin: 0,
      tcbEvaluationDataNumber: 0,
      rootCrlNumber: 0n,
      pckCrlNumber: 0n,
    },
    depth,
  }
  const path = join(world.folder, 'deployment.json')
  writeFileSync(path, encodeDeployment(deployment))
  return path
}

/** Writes and reads the configuration of one verifier. */
export function configOf(
  world: World,
  member: PrivateKeyAccount,
  privateKey: Hex,
  changed: { readonly [name: string]: Json } = {},
): { readonly file: string; readonly config: VerifierConfig } {
  const folder = join(world.folder, member.address)
  mkdirSync(folder, { recursive: true })
  const keyFile = join(folder, 'key')
  try {
    createKeyFile(keyFile, new Secret(privateKey))
  } catch {
    // It is there from an earlier start of the same verifier.
  }
  const file = join(folder, 'config.json')
  const config = {
    production: false,
    insecureAllowLoopback: true,
    clockSeconds: 120, // A test's transactions carry the chain's clock ahead of the machine's.
    deploymentFile: writeDeployment(world),
    chain: { url: null, fromBlock: 0, confirmations: 0, pollMs: 100 },
    keyFile,
    dataFolder: folder,
    listen: { host: '127.0.0.1', port: 0 },
    gatherMs: 150,
    silentSeconds: 5,
    log: { level: 'warn', format: 'human', path: join(folder, 'log') },
    ...changed,
  }
  writeFileSync(file, JSON.stringify(config))
  return { file, config: readVerifierConfig(file) }
}

/** What a chain proves of places, with the headers from a height downwards. */
export async function proofsOf(
  chain: Chain,
  height: bigint,
  below: number,
  places: readonly SlotPlace[],
): Promise<ChainProofs> {
  const accounts: ChainProofs['accounts'][number][] = []
  for (const [at, group] of Map.groupBy(places, (place) => place.depth))
    for (const { address, slots } of slotsByContract(group)) {
      const found = await chain.proof(address, slots, height - BigInt(at))
      const storageProofs = found.storageProof.map(({ proof }, i) => ({ slot: slots[i]!, proof }))
      accounts.push({ depth: at, address, accountProof: found.accountProof, storageProofs })
    }
  return { headers: await chain.headers(height, below + 1), accounts }
}

export function attemptInput(
  world: World,
  node: TestNode,
  now: bigint,
  nonce: bigint,
): AttemptInput {
  const { domain, deployment, manufacturer, app, requester, assets, nodes, committee } = world
  const { chain, contracts } = world
  return {
    contracts,
    prove: (height, below, places) => proofsOf(chain, height, below, places),
    ...{ domain, deployment, manufacturer, app, requester, assets, committee },
    ...{ keepers: nodes, node, now, nonce, feeWei },
  }
}

/** A task that was placed and drawn: the node that has to run it, and what makes its attempt. */
export type Drawn = {
  readonly task: Hex
  readonly node: TestNode
  readonly attempt: number
  readonly make: (wrong?: Wrong) => Promise<Attempt>
}

/** Places an order and has a node drawn for it. */
export async function placeAndDraw(world: World, nonce: bigint): Promise<Drawn> {
  const { chain, contracts, requester, nodes } = world
  const { timestamp } = await chain.block()
  const input = attemptInput(world, nodes[0]!, timestamp, nonce)
  const ordered = await makeOrder(input)
  await world.send(
    requester,
    contracts.market,
    encodeFunctionData({
      abi: marketAbi,
      functionName: 'place',
      args: [ordered.order, ordered.grants, ordered.grantSignatures],
    }),
  )
  return drawAgain(world, ordered, input)
}

/** Draws until a node is there. */
export async function drawAgain(
  world: World,
  ordered: Awaited<ReturnType<typeof makeOrder>>,
  input: AttemptInput,
): Promise<Drawn> {
  const { chain, contracts, requester, nodes } = world
  for (;;) {
    const task = await readTask(world, ordered.task)
    const node = nodes.find(({ key }) => key.address === task.node)
    if (task.state === 2 && node !== undefined) {
      const { number: drawnAt } = await chain.block()
      const make = async (wrong?: Wrong): Promise<Attempt> => {
        // As an enclave does, it waits until the draw lies deep enough.
        await until('a deep draw', async () => (await chain.block()).number >= drawnAt + 2n)
        const { number: height, hash, timestamp: time } = await chain.block()
        const { committee: address } = contracts
        const epoch = await chain.read({ address, abi: committeeAbi, functionName: 'epoch' })
        return makeAttempt(
          { ...input, node },
          ordered,
          { height, hash, time, epoch },
          task.attempt,
          wrong,
        )
      }
      return { task: ordered.task, node, attempt: task.attempt, make }
    }
    const { number } = await chain.block()
    if (number > task.seedBlock)
      await world.send(
        requester,
        contracts.market,
        encodeFunctionData({ abi: marketAbi, functionName: 'draw', args: [ordered.task] }),
      )
    else await sleep(200)
  }
}

export async function post(world: World, drawn: Drawn, attempt: Attempt): Promise<void> {
  await world.send(
    drawn.node.operator,
    world.contracts.market,
    encodeFunctionData({
      abi: marketAbi,
      functionName: 'post',
      args: [attempt.signed.posting, attempt.signed.operatorSignature],
    }),
  )
}

export function setUrl(world: World, node: TestNode, url: string): Promise<void> {
  return world.send(
    node.operator,
    world.contracts.nodeRegistry,
    encodeFunctionData({
      abi: nodeRegistryAbi,
      functionName: 'setUrl',
      args: [node.key.address, url],
    }),
  )
}

export function readTask(world: World, task: Hex) {
  return world.chain.read({
    address: world.contracts.market,
    abi: marketAbi,
    functionName: 'taskOf',
    args: [task],
  })
}

/** The status, code and message that a route refuses with. */
export async function refusalAt(url: string, json?: Json) {
  const error: unknown = await fetchJson(url, json === undefined ? {} : { json }).catch(
    (cause: unknown) => cause,
  )
  const { status, code, message } = refusalOf(error)!
  return { status, code, message }
}

/** Waits until something is so. */
export async function until(what: string, is: () => Promise<boolean>, ms = 40_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await is())) {
    if (Date.now() > end) throw new Error(`Not so in time: ${what}`)
    await sleep(150)
  }
}
