import { join } from 'node:path'

import { createPlainHttpApp, serveHttp } from '@cloister/io'
import { generateEnvelopeKeyPair } from '@cloister/seal'
import {
  checkManifest,
  createOpenAiProxy,
  openSession,
  placeOrder,
  prepareOrder,
  readTask,
  signGrant,
  uploadObject,
  type InferenceSession,
} from '@cloister/sdk'
import OpenAI from 'openai'
import { parseEther, type Hex } from 'viem'

import { buildLlmChat, describeLlmChat } from '../../../../scripts/build-llm-chat.ts'
import { sayEvent, TaskFollower } from '../demo/follow-task.ts'
import { tokens } from '../demo/money.ts'
import { trainLanguageModel, type TrainedLanguageModel } from './language-model.ts'
import type { Party } from './party.ts'
import type { Played, Story, StoryStage } from './story.ts'

const appName = 'llm-chat'
const modelName = 'cloister-llm'
const attemptSeconds = 300
const unitWei = parseEther('0.0001')
const feeWei = parseEther('2')
const priceWei = parseEther('0.00005')

type Llm = ReturnType<typeof describeLlmChat>

/** A model owner, a company, and a client that knows nothing of either's secrets. */
export const llmStory: Story = {
  name: 'llm',
  title:
    'a language model, trained here a moment ago, answers OpenAI’s own client through a local proxy; its owner never sees a question, the company never the model',
  prepare: async (folder) => {
    await buildLlmChat(join(folder, 'llm-chat'))
    const llm = describeLlmChat(join(folder, 'llm-chat'))
    return {
      devnet: { apps: [{ name: appName, manifest: llm.manifest }] },
      play: (stage) => play(stage, llm),
    }
  },
}

async function play(stage: StoryStage, llm: Llm): Promise<Played> {
  const { narrator, devnet, signal } = stage
  narrator.phase('the owner trains a small language model on this project’s documentation')
  const trained = await trainLanguageModel()
  narrator.detail(`${trained.loss.toFixed(2)} nats for each byte`)
  narrator.phase('the owner seals it and grants its use, by the token')
  const [owner, company] = await Promise.all([stage.party('clinic-1'), stage.party('company')])
  const stores = devnet.nodes.map(({ url }) => url)
  for (const object of llm.objects) await uploadObject(owner.client, object, stores, 2)
  const recipient = await generateEnvelopeKeyPair({ extractable: true })
  const task = await orderSession({ owner, company, llm, trained, recipient })
  const onEvent = (event: Parameters<typeof sayEvent>[0]): void => narrator.detail(sayEvent(event))
  const follower = new TaskFollower(company.client, task, { onEvent, signal })
  narrator.phase('a node is drawn, attested, and given the key; the company verifies it first')
  const session = await openSession(company.client, task, recipient.privateKey)
  narrator.phase('OpenAI’s client asks through the proxy')
  const talk = await askThroughProxy(session)
  await session.close()
  narrator.phase('settlement: what was used is paid, the rest comes back')
  const concluded = await company.conclude(follower, appName)
  const { spentWei } = await readTask(company.client, task)
  narrator.end()
  return {
    tasks: [concluded],
    figures: {
      model: `a GPT of two layers, trained here in this run on ${trained.bytesOfText} bytes of this project’s documentation; it writes, it does not know`,
      lossNatsPerByte: Number(trained.loss.toFixed(3)),
      answer: talk.whole,
      tokens: talk.tokens,
      firstTokenMilliseconds: Math.round(talk.firstTokenMilliseconds),
      spent: tokens(spentWei),
      returned: tokens(feeWei - spentWei),
    },
    problems: problemsOf({ ...talk, outcome: concluded.outcome, spentWei, trained }),
  }
}

function problemsOf(given: {
  readonly whole: string
  readonly streamed: string
  readonly models: readonly string[]
  readonly outcome: string
  readonly spentWei: bigint
  readonly trained: TrainedLanguageModel
}): readonly string[] {
  const { whole, streamed, models, outcome, spentWei, trained } = given
  return [
    ...(outcome === 'settled' ? [] : ['the session was not settled']),
    ...(whole !== '' && whole === streamed ? [] : ['the same seed gave another streamed answer']),
    ...(models.includes(modelName) ? [] : [`the models are ${models.join(', ')}`]),
    ...(spentWei > 0n && spentWei < feeWei ? [] : [`${spentWei} wei were spent`]),
    ...(trained.loss < 3 ? [] : ['the model learned nothing']),
  ]
}

async function orderSession(given: {
  readonly owner: Party
  readonly company: Party
  readonly llm: Llm
  readonly trained: TrainedLanguageModel
  readonly recipient: { readonly publicKey: Uint8Array<ArrayBuffer> }
}): Promise<Hex> {
  const { owner, company, llm, trained, recipient } = given
  const shared = await owner.share('model', trained.gguf)
  const app = checkManifest(llm.manifest)
  const grant = await signGrant(owner.client, {
    ...{ assets: [shared.asset], apps: [app.id], tees: ['tdx', 'sev-snp', 'aws-nitro'] },
    ...{ operators: 'any', requesters: [company.address], purpose: 'chat, by the token' },
    ...{ priceWei, usesMax: 1, outputBytesMax: app.outputBytesMax },
    ...{ outputFormats: ['json'], privacy: 'none' },
  })
  const { publicKey: recipientPublicKey } = recipient
  const terms = { app, grants: [grant], recipientPublicKey, unitWei, feeWei, attemptSeconds }
  const prepared = await prepareOrder(company.client, terms)
  return (await placeOrder(company.client, prepared, { depositMissing: true })).task
}

async function askThroughProxy(session: InferenceSession) {
  const hosts: string[] = []
  const proxy = createOpenAiProxy({ session: async () => session, hosts, origins: [] })
  const server = await serveHttp({ app: createPlainHttpApp(proxy), host: '127.0.0.1', port: 0 })
  hosts.push(`127.0.0.1:${server.port}`)
  try {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none needed' })
    const models = (await client.models.list()).data.map(({ id }) => id)
    const ask = {
      model: modelName,
      messages: [{ role: 'user' as const, content: 'What does a keeper do?' }],
      ...{ max_tokens: 48, seed: 4, temperature: 0.7 },
    }
    const answered = await client.chat.completions.create(ask)
    const streamed = await stream(client, ask)
    return {
      models,
      whole: answered.choices[0]?.message.content ?? '',
      ...streamed,
    }
  } finally {
    await server.close()
  }
}

async function stream(
  client: OpenAI,
  ask: Omit<OpenAI.ChatCompletionCreateParamsStreaming, 'stream'>,
) {
  const began = performance.now()
  const chunks = await client.chat.completions.create({
    ...ask,
    stream: true,
    stream_options: { include_usage: true },
  })
  let first: number | undefined
  let streamed = ''
  let usage: OpenAI.CompletionUsage | undefined
  for await (const chunk of chunks) {
    const text = chunk.choices[0]?.delta.content ?? ''
    if (text !== '') first ??= performance.now() - began
    streamed += text
    usage = chunk.usage ?? usage
  }
  return { streamed, tokens: usage?.total_tokens ?? 0, firstTokenMilliseconds: first ?? 0 }
}
