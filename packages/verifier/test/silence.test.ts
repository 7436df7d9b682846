import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { fetchJson, refusalOf } from '@cloister/io'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { startVerifier, type Verifier } from '../src/index.ts'
import { named } from './attempt.ts'
import {
  configOf,
  offer,
  placeAndDraw,
  post,
  readTask,
  serveTestHost,
  setUrl,
  until,
  type TestHost,
} from './story.ts'
import { chainId, makeWorld, privateKey, type World } from './world.ts'

// Three of four verifiers run, and none submits a judgement: what they signed is known to peers alone.
const slow = { gatherMs: 60_000 }
let world: World
let host: TestHost
const verifiers: Verifier[] = []

const start = (i: number): Promise<Verifier> =>
  startVerifier(configOf(world, world.committee[i]!, privateKey(4 + i), slow).config)

beforeAll(async () => {
  world = await makeWorld()
  host = await serveTestHost()
  for (const node of world.nodes) await setUrl(world, node, host.url)
  verifiers.push(...(await Promise.all([0, 1, 2].map(start))))
}, 60_000)

afterAll(async () => {
  await Promise.all(verifiers.map((each) => each.stop()))
  await host?.close()
  await world?.stop()
}, 30_000)

const stateOf = async (verifier: Verifier): Promise<unknown> => {
  const status = await fetchJson(`${verifier.url}/v1/status`)
  return typeof status === 'object' && status !== null && 'signing' in status
    ? status['signing']
    : undefined
}

const askCheckpoint = async (verifier: Verifier) => {
  const { number } = await world.chain.block()
  return fetchJson(`${verifier.url}/v1/checkpoints`, {
    json: { chainId, height: Number(number), nonce: named('nonce') },
  })
}

const votesAt = async (verifier: Verifier, path: string): Promise<number> => {
  const answer = await fetchJson(`${verifier.url}/v1/votes${path}`)
  const votes =
    typeof answer === 'object' && answer !== null && 'votes' in answer ? answer['votes'] : []
  return Array.isArray(votes) ? votes.length : 0
}

test('a verifier whose journal was lost finds its vote at peers, and signs nothing until the judging time is over', async () => {
  await until(
    'clear',
    async () => (await askCheckpoint(verifiers[0]!).catch(() => undefined)) !== undefined,
  )
  const drawn = await placeAndDraw(world, 1n)
  const attempt = await drawn.make()
  offer(host, attempt)
  await post(world, drawn, attempt)
  const path = `/${drawn.task}/1`
  await until('all votes', async () => (await votesAt(verifiers[1]!, path)) === 3)
  expect(await votesAt(verifiers[1]!, `?signer=${verifiers[0]!.address}`)).toBe(1)

  await verifiers[0]!.stop()
  const folder = join(world.folder, world.committee[0]!.address)
  for (const suffix of ['', '-wal', '-shm'])
    rmSync(join(folder, `journal.sqlite${suffix}`), { force: true })
  const restarted = await start(0)
  verifiers[0] = restarted
  await until('silent', async () => JSON.stringify(await stateOf(restarted)).includes('"silent"'))
  expect(await stateOf(restarted)).toMatchObject({
    state: 'silent',
    unknownVotes: [{ task: drawn.task, attempt: 1, verdict: 1 }],
  })
  const refused = await askCheckpoint(restarted).catch((error: unknown) => refusalOf(error))
  expect(refused).toMatchObject({ status: 503, code: 'unready' })
  expect((await readTask(world, drawn.task)).state).toBe(3)

  await until(
    'clear again',
    async () => JSON.stringify(await stateOf(restarted)) === '{"state":"clear"}',
  )
  await askCheckpoint(restarted)
  // The posting from before is never voted on by a key that may have voted otherwise; its old vote stands, once.
  await sleep(500)
  expect(await votesAt(restarted, `?signer=${restarted.address}`)).toBe(1)
}, 90_000)

test('a verifier whose journal is whole is not silent after a restart', async () => {
  await verifiers[1]!.stop()
  const restarted = await start(1)
  verifiers[1] = restarted
  await until(
    'clear',
    async () => JSON.stringify(await stateOf(restarted)) === '{"state":"clear"}',
    5_000,
  )
}, 30_000)
