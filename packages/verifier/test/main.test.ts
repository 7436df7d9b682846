import { connect } from 'node:net'
import { join } from 'node:path'

import type { Json } from '@cloister/codec'
import { fetchJson, readJsonLine, startChild, type Child } from '@cloister/io'
import { messageToJson, type Vote } from '@cloister/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { readDeployment } from '../src/config.ts'
import { faultsOf, startVerifier } from '../src/index.ts'
import { key, named, sign } from './attempt.ts'
import { configOf, refusalAt, until } from './story.ts'
import { makeWorld, privateKey, type World } from './world.ts'

const program = join(import.meta.dirname, '../src/main.ts')
let world: World
let child: Child
let url: string

const start = (file: string): Promise<Child> =>
  startChild({
    name: 'verifier',
    command: process.execPath,
    args: [program, '--config', file],
    env: {},
    readyMs: 20_000,
    readyLine: readJsonLine,
  })

/** What a start that must fail says. */
const fails = async (file: string): Promise<string> =>
  start(file).then(
    () => 'it started',
    (error: unknown) => (error instanceof Error ? error.message : ''),
  )

beforeAll(async () => {
  world = await makeWorld(1)
  const { file } = configOf(world, world.committee[0]!, privateKey(4))
  child = await start(file)
  url = String(Object(child.ready).url)
}, 60_000)

afterAll(async () => {
  await child?.stop()
  await world?.stop()
}, 30_000)

describe('the program', () => {
  test('says in one line that it is ready, and who it is', () => {
    expect(child.ready).toMatchObject({
      ready: true,
      role: 'verifier',
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      address: world.committee[0]!.address.toLowerCase(),
    })
  })

  test('tells its status: deployment, committee, head, whether it signs, and that it is honest', async () => {
    await until('clear', async () => {
      const text = JSON.stringify(await fetchJson(`${url}/v1/status`))
      return text.includes('"clear"')
    })
    const head = await world.chain.block()
    const status = Object(await fetchJson(`${url}/v1/status`))
    expect(status).toMatchObject({
      version: '1',
      role: 'verifier',
      deployment: world.deployment,
      address: world.committee[0]!.address.toLowerCase(),
      committee: { epoch: '0', members: [world.committee[0]!.address.toLowerCase()] },
      signing: { state: 'clear' },
      faults: [],
    })
    expect(Number(status.head.height)).toBeGreaterThanOrEqual(Number(head.number))
  })

  test('ends at SIGTERM with 0, and starts again where it was', async () => {
    expect(await child.stop()).toEqual({ code: 0, signal: undefined })
    child = await start(configOf(world, world.committee[0]!, privateKey(4)).file)
    url = String(Object(child.ready).url)
  })

  test('does not start with a wrong argument, an absent file, or a chain that is another', async () => {
    expect(await fails('/nonexistent/config.json')).toContain('/nonexistent/config.json')
    const { file } = configOf(world, key('nobody'), named('key/nobody'), {
      chain: { url: 'http://127.0.0.1:1', fromBlock: 0, confirmations: 0, pollMs: 100 },
    })
    expect(await fails(file)).toMatch(/exit code 8.*does not answer/)
  })
})

describe('what is insecure', () => {
  test('faults and devnet anchors are refused in production', async () => {
    expect(() => faultsOf(['vote-both-ways'], true)).toThrow(/production verifier has none/)
    const { config } = configOf(world, key('nobody'), named('key/nobody'), { production: true })
    await expect(startVerifier(config)).rejects.toMatchObject({ code: 'insecure-config' })
    expect(() => readDeployment(config)).toThrow(/Cannot ask this machine itself/)
    expect(() => readDeployment({ ...config, insecureAllowLoopback: false })).toThrow(
      /devnet anchor/,
    )
  })
})

const refusal = (path: string, json?: Json) => refusalAt(`${url}${path}`, json)

describe('strangers', () => {
  const vote: Vote = {
    task: named('task'),
    attempt: 1,
    posting: named('posting'),
    verdict: 1,
    reason: 0,
    keepersHash: named('keepers'),
    appraisalDigest: named('appraisal'),
  }

  test('votes on tasks that the chain does not know are not kept', async () => {
    const signature = await sign(world.committee[0]!, world.domain, 'Vote', vote)
    const json = { vote: messageToJson('Vote', vote), signature }
    expect(await refusal('/v1/votes', json)).toMatchObject({ status: 404, code: 'not-found' })
    expect(await fetchJson(`${url}/v1/votes/${vote.task}/1`)).toEqual({ votes: [] })
  })

  test('malformed bodies, paths and digests name what is wrong', async () => {
    expect(await refusal('/v1/votes', { vote: {}, signature: '0x' })).toMatchObject({ status: 400 })
    expect(await refusal('/v1/votes', [])).toMatchObject({ status: 400, code: 'malformed' })
    expect(await refusal('/v1/votes/0x12/1')).toMatchObject({ status: 400 })
    expect(await refusal(`/v1/votes/${vote.task}/0`)).toMatchObject({ status: 400 })
    expect(await refusal('/v1/votes?signer=me')).toMatchObject({ status: 400 })
    expect(await refusal('/v1/objects/..%2f..%2fkey')).toMatchObject({ status: 400 })
    expect(await refusal(`/v1/objects/${'0'.repeat(64)}`)).toMatchObject({ status: 404 })
    expect(await refusal(`/v1/tasks/${vote.task}/1`)).toMatchObject({ status: 404 })
    expect(await refusal('/v1/nothing')).toMatchObject({ status: 404 })
    expect(
      await refusal('/v1/checkpoints', { chainId: -1, height: 1, nonce: vote.task }),
    ).toMatchObject({
      status: 400,
    })
  })

  test('bodies over 16 KiB are cut off, deep and broken ones refused', async () => {
    expect(await refusal('/v1/votes', { a: 'x'.repeat(20_000) })).toMatchObject({ status: 413 })
    const deep = await fetch(`${url}/v1/votes`, { method: 'POST', body: '['.repeat(5_000) })
    expect(deep.status).toBe(400)
    const broken = await fetch(`${url}/v1/votes`, { method: 'POST', body: '\xff{' })
    expect(broken.status).toBe(400)
  })

  test('a request that is never finished holds nobody else up', async () => {
    const port = Number(new URL(url).port)
    const sockets = Array.from({ length: 50 }, () => connect(port, '127.0.0.1'))
    for (const socket of sockets)
      socket.write('POST /v1/votes HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{')
    expect(await fetchJson(`${url}/v1/status`)).toMatchObject({ role: 'verifier' })
    for (const socket of sockets) socket.destroy()
  })
})
