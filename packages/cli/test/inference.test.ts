import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { concatBytes, OperationError, type Bytes } from '@cloister/codec'
import { accountOf, startDevnet, type Devnet } from '@cloister/devnet'
import { probeSandbox } from '@cloister/enclave'
import { encodeDeployment } from '@cloister/protocol'
import {
  balances,
  checkManifest,
  connect,
  fetchOutput,
  openOutput,
  openSession,
  placeOrder,
  prepareOrder,
  readTask,
  shareAsset,
  signGrant,
  uploadObject,
  watchTask,
  type Client,
  type SharedAsset,
} from '@cloister/sdk'
import { parseEnvelopePrivateKey } from '@cloister/seal'
import OpenAI from 'openai'
import { parseEther, type Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { nodeBinary } from '../../../scripts/build-enclave.ts'
import { buildLlmChat, describeLlmChat, llamaFolder } from '../../../scripts/build-llm-chat.ts'
import { noiseModel } from '../../../scripts/noise-model.ts'
import { readRecipientKey } from '../src/recipient-key.ts'
import { cli, lastJson, start } from './cli.ts'

const missing = whatIsMissing()
if (missing !== undefined) console.warn(`SKIPPED: inference by the token, ${missing}`)
const run = test.skipIf(missing !== undefined)

const folder = mkdtempSync(join(tmpdir(), 'inference-'))
const place = (name: string): string => join(folder, name)
const unitWei = parseEther('0.0001')
const feeWei = parseEther('2')
const model = 'cloister-llm'

type Llm = ReturnType<typeof describeLlmChat>

let devnet: Devnet
let llm: Llm
let owner: Client
let company: Client
let asset: SharedAsset

beforeAll(async () => {
  if (missing !== undefined) return
  await buildLlmChat(place('bundle'))
  llm = describeLlmChat(place('bundle'))
  devnet = await startDevnet({ apps: [{ name: 'llm-chat', manifest: llm.manifest }] })
  const deployment = encodeDeployment(devnet.deployment)
  owner = await connect({ deployment, account: accountOf('clinic-1') })
  company = await connect({ deployment, account: accountOf('company') })
  const stores = devnet.nodes.map(({ url }) => url)
  for (const object of llm.objects) await uploadObject(owner, object, stores, 2)
  asset = await shareAsset(owner, {
    plaintext: noiseModel(),
    keepers: devnet.deployment.nodes,
    stores,
    save: () => undefined,
  })
  const key = accountOf('company').getHdKey().privateKey
  writeFileSync(place('company.key'), `0x${Buffer.from(key ?? []).toString('hex')}\n`, {
    mode: 0o600,
  })
}, 240_000)

afterAll(async () => {
  await devnet?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** A session's task, placed and paid for; its recipient key lies in a file. */
async function placed(name: string): Promise<{ readonly task: Hex; readonly key: string }> {
  const key = place(`${name}.recipient`)
  expect((await cli(['key', 'recipient', '--out', key])).code).toBe(0)
  const app = checkManifest(llm.manifest)
  const grant = await signGrant(owner, {
    assets: [asset.asset],
    tees: ['tdx', 'sev-snp', 'aws-nitro'],
    outputFormats: ['json'],
    privacy: 'none',
    apps: [app.id],
    operators: 'any',
    requesters: 'any',
    purpose: 'chat',
    priceWei: parseEther('0.00005'),
    usesMax: 10,
    expiry: 4_000_000_000n,
    outputBytesMax: app.outputBytesMax,
  })
  const prepared = await prepareOrder(company, {
    app,
    grants: [grant],
    recipientPublicKey: readRecipientKey(key).publicKey,
    unitWei,
    feeWei,
    attemptSeconds: 400,
  })
  const { task } = await placeOrder(company, prepared, { depositMissing: true })
  return { task, key }
}

type Proxy = {
  readonly child: ChildProcess
  readonly ready: Record<string, unknown>
  readonly client: OpenAI
}

async function startProxy(task: Hex, key: string): Promise<Proxy> {
  const args = ['--task', task, '--recipient-key', key, '--port', '0', '--json']
  const deployment = ['--deployment', devnet.folders.deploymentFile]
  const child = start(['proxy', ...args, ...deployment], {})
  let said = ''
  child.stderr?.on('data', (part: Buffer) => (said += part.toString()))
  const line = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The proxy ended with ${code}: ${said}`)))
    if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', resolve)
  })
  const ready = { ...Object(JSON.parse(line)) }
  const client = new OpenAI({ baseURL: String(ready.url), apiKey: 'any' })
  return { child, ready, client }
}

run(
  'the official client works against the proxy, and the rest of the money comes back',
  async () => {
    const { task, key } = await placed('chat')
    const { child, ready, client } = await startProxy(task, key)
    expect(ready).toMatchObject({ ready: true, task, tier: 0, meter: 'token' })
    const messages = [{ role: 'user' as const, content: 'Hello' }]
    const ask = { model, messages, max_tokens: 12 }

    const models = await client.models.list()
    expect(models.data.map(({ id }) => id)).toEqual([model])

    const { data: whole, response } = await client.chat.completions
      .create({ ...ask, seed: 4 })
      .withResponse()
    expect(whole.choices[0]?.message.role).toBe('assistant')
    expect(whole.usage?.total_tokens).toBeGreaterThan(20)
    expect(response.headers.get('x-cloister-verified')).toBe('true')
    expect(response.headers.get('x-cloister-task')).toBe(task)
    expect(response.headers.get('x-cloister-units')).toBe(String(whole.usage?.total_tokens))

    const stream = await client.chat.completions.create({
      ...ask,
      seed: 4,
      stream: true,
      stream_options: { include_usage: true },
    })
    let text = ''
    let usage: OpenAI.CompletionUsage | null | undefined
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      usage = chunk.usage ?? usage
    }
    expect(text).toBe(whole.choices[0]?.message.content)
    expect(usage).toEqual(whole.usage)

    const vectors = await client.embeddings.create({ model, input: ['a', 'b'] })
    expect(vectors.data.map(({ embedding }) => embedding.length)).toEqual([64, 64])

    const aborted = await client.chat.completions.create({
      model,
      messages: ask.messages,
      stream: true,
    })
    let chunks = 0
    for await (const _ of aborted) if (++chunks === 3) break

    await expect(client.chat.completions.create({ ...ask, model: 'gpt-9' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
    })
    await expect(
      client.chat.completions.create({
        ...ask,
        tools: [{ type: 'custom', custom: { name: 'x' } }],
      }),
    ).rejects.toMatchObject({ status: 400, code: 'unsupported_parameter' })

    const { ledgerWei: before } = await balances(company)
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGINT')
    expect(await ended).toBe(0)

    const kinds: string[] = []
    for await (const { kind } of watchTask(company, task, { timeoutMs: 120_000, pollMs: 300 }))
      kinds.push(kind)
    expect(kinds).toContain('settled')
    expect(kinds).not.toContain('attempt-ended')
    const { spentWei } = await readTask(company, task)
    expect(spentWei).toBeGreaterThan(unitWei * 60n)
    expect(spentWei).toBeLessThan(feeWei / 2n)
    const secret = await parseEnvelopePrivateKey(readRecipientKey(key).secretKey)
    const { sealed, receipt } = await fetchOutput(company, task)
    expect(receipt.spentWei).toBe(spentWei)
    const { outputs } = await openOutput(secret, sealed, task)
    const summary = JSON.parse(new TextDecoder().decode(outputs[0]?.bytes))
    expect(summary).toMatchObject({ ending: 'closed', spentWei: String(spentWei) })
    expect(summary.requests).toBeGreaterThanOrEqual(6)
    expect((await balances(company)).ledgerWei - before).toBe(feeWei - spentWei)
  },
  240_000,
)

run(
  'without the recipient key nobody speaks, and a status sends nothing',
  async () => {
    const { task, key } = await placed('own')
    const other = place('other.recipient')
    await cli(['key', 'recipient', '--out', other])
    const common = ['--deployment', devnet.folders.deploymentFile, '--json']
    const secret = await parseEnvelopePrivateKey(readRecipientKey(key).secretKey)
    const session = await openSession(company, task, secret)
    const refused = await cli(['session', 'close', task, '--recipient-key', other, ...common])
    expect([refused.code, lastJson(refused)]).toMatchObject([6, { error: { code: 'wrong-key' } }])
    const status = await cli(['session', 'status', task, ...common])
    expect(lastJson(status)).toMatchObject({
      task,
      state: 'running',
      session: 'open',
      meter: 'token',
    })
    const answer = await session.request({ method: 'GET', path: '/v1/models' })
    expect(await read(answer)).toContain(model)
    const closed = await cli(['session', 'close', task, '--recipient-key', key, ...common])
    expect([closed.code, lastJson(closed)]).toMatchObject([0, { task, spentWei: '0' }])
    await expect(session.request({ method: 'GET', path: '/v1/models' })).rejects.toMatchObject({
      code: 'session-ended',
    })
  },
  120_000,
)

async function read(answer: { readonly body: AsyncIterable<Bytes> }): Promise<string> {
  const parts: Bytes[] = []
  for await (const part of answer.body) parts.push(part)
  return new TextDecoder().decode(concatBytes(...parts))
}

function whatIsMissing(): string | undefined {
  if (probeSandbox(nodeBinary()) === 'none') return 'bubblewrap does not run here'
  try {
    llamaFolder()
    return undefined
  } catch (error) {
    return error instanceof OperationError ? error.message : 'llama.cpp is missing'
  }
}
