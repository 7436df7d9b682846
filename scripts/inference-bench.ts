// Prints how long the first token takes through the proxy, and from the same bundle in the same sandbox on this machine without a network. A
// devnet of its own: chain, nodes of three vendors, a session, the proxy over HTTP, OpenAI's client. Rounds take turns, so that other load falls on both.
// Run: node scripts/inference-bench.ts [rounds]
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'

import { encodeUtf8 } from '@cloister/codec'
import { accountOf, startDevnet } from '@cloister/devnet'
import { createPlainHttpApp, serveHttp } from '@cloister/io'
import { readManifest } from '@cloister/learn'
import { encodeDeployment } from '@cloister/protocol'
import {
  checkManifest,
  connect,
  createOpenAiProxy,
  generateEnvelopeKeyPair,
  orderSession,
  prepareOrder,
  shareAsset,
  signGrant,
  uploadObject,
  type InferenceSession,
} from '@cloister/sdk'
import OpenAI from 'openai'

import { nodeProgram } from '../packages/enclave/src/sandbox/program.ts'
import { runSandboxed } from '../packages/enclave/src/sandbox/run-sandboxed.ts'
import { AppPipes } from '../packages/enclave/src/session/app-pipes.ts'
import {
  sessionLimitsOf,
  withSessionProgram,
} from '../packages/enclave/src/session/session-program.ts'
import { nodeBinary } from './build-enclave.ts'
import { buildLlmChat, describeLlmChat } from './build-llm-chat.ts'
import { noiseModel } from './noise-model.ts'

const rounds = Number(process.argv[2] ?? 41)
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000)
  throw new RangeError(`Cannot measure ${process.argv[2]} rounds, expected 1 to 1000`)

const folder = mkdtempSync(join(tmpdir(), 'cloister-inference-bench-'))
const body = {
  model: 'cloister-llm',
  messages: [{ role: 'user' as const, content: 'Hello' }],
  max_tokens: 4,
}
try {
  await buildLlmChat(folder)
  const llm = describeLlmChat(folder)
  const devnet = await startDevnet({ apps: [{ name: 'llm-chat', manifest: llm.manifest }] })
  try {
    const session = await openOne(llm, devnet)
    await withBare(llm, (bare) => compare(session, bare))
  } finally {
    await devnet.stop()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

type Llm = ReturnType<typeof describeLlmChat>
type Devnet = Awaited<ReturnType<typeof startDevnet>>

async function openOne(llm: Llm, devnet: Devnet): Promise<InferenceSession> {
  const deployment = encodeDeployment(devnet.deployment)
  const owner = await connect({ deployment, account: accountOf('clinic-1') })
  const company = await connect({ deployment, account: accountOf('company') })
  const stores = devnet.nodes.map(({ url }) => url)
  for (const object of llm.objects) await uploadObject(owner, object, stores, 2)
  const keepers = devnet.deployment.nodes
  const plaintext = noiseModel()
  const { asset } = await shareAsset(owner, { plaintext, keepers, stores, save: () => undefined })
  const app = checkManifest(llm.manifest)
  const grant = await signGrant(owner, {
    assets: [asset],
    tees: ['tdx', 'sev-snp', 'aws-nitro'],
    outputFormats: ['json'],
    privacy: 'none',
    apps: [app.id],
    operators: 'any',
    requesters: 'any',
    purpose: 'bench',
    priceWei: 0n,
    outputBytesMax: app.outputBytesMax,
  })
  const recipient = await generateEnvelopeKeyPair()
  const prepared = await prepareOrder(company, {
    app,
    grants: [grant],
    recipientPublicKey: recipient.publicKey,
    unitWei: 10n ** 13n,
    feeWei: 2n * 10n ** 18n,
    attemptSeconds: 500,
  })
  return orderSession(company, prepared, recipient.privateKey, { depositMissing: true })
}

async function withBare(llm: Llm, use: (pipes: AppPipes) => Promise<void>): Promise<void> {
  const node = nodeBinary()
  const manifest = readManifest(llm.manifest)
  const runtime = {
    node,
    program: nodeProgram({ node, files: [], entry: '' }),
    bundles: { with: <T>(_: unknown, act: (path: string) => Promise<T>) => act(folder) },
  }
  await withSessionProgram(runtime, manifest, async (program) => {
    const run = await runSandboxed(program, sessionLimitsOf(manifest, 500), 'bubblewrap')
    try {
      const pipes = new AppPipes({ stdin: run.input, stdout: run.output })
      const model = noiseModel()
      const read = async (offset: number, length: number) => model.slice(offset, offset + length)
      await pipes.start([{ role: 'model', size: model.length, read }])
      await use(pipes)
    } finally {
      run.kill()
      await run.ended
    }
  })
}

async function compare(session: InferenceSession, bare: AppPipes): Promise<void> {
  const hosts: string[] = []
  const proxy = createOpenAiProxy({ session: async () => session, hosts, origins: [] })
  const server = await serveHttp({ app: createPlainHttpApp(proxy), port: 0 })
  hosts.push(`127.0.0.1:${server.port}`)
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'any' })
  const times = { proxy: new Array<number>(), bare: new Array<number>() }
  for (let round = -3; round < rounds; round++) {
    const seed = round + 10
    const took = { proxy: await firstOfProxy(client, seed), bare: await firstOfBare(bare, seed) }
    if (round < 0) continue
    times.proxy.push(took.proxy)
    times.bare.push(took.bare)
  }
  await session.close()
  await server.close()
  const over = median(times.proxy.map((time, index) => time - (times.bare[index] ?? 0)))
  console.log(
    `${cpus()[0]?.model ?? 'unknown'} x${cpus().length}, Node ${process.version}, ${rounds} rounds`,
  )
  console.log(`${median(times.proxy).toFixed(1)} ms to the first token through the proxy`)
  console.log(`${median(times.bare).toFixed(1)} ms from the bundle itself`)
  console.log(JSON.stringify({ overheadMs: Number(over.toFixed(1)) }))
}

async function firstOfProxy(client: OpenAI, seed: number): Promise<number> {
  const start = performance.now()
  const stream = await client.chat.completions.create({ ...body, seed, stream: true })
  let first = 0
  for await (const chunk of stream)
    if (first === 0 && chunk.choices.length > 0) first = performance.now() - start
  return first
}

async function firstOfBare(pipes: AppPipes, seed: number): Promise<number> {
  const start = performance.now()
  const exchange = pipes.ask({
    method: 'POST',
    path: '/v1/chat/completions',
    headers: {},
    unitsMax: 1e6,
    body: encodeUtf8(JSON.stringify({ ...body, seed, stream: true })),
  })
  let first = 0
  for await (const piece of exchange.pieces)
    if (first === 0 && piece.kind === 'data') first = performance.now() - start
  return first
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
