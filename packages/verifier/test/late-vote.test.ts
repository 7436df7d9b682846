import { settlementAbi, stakingAbi, type Vote } from '@cloister/protocol'
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { startVerifier, type Verifier } from '../src/index.ts'
import { key } from './attempt.ts'
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
import { makeWorld, privateKey, stakeWei, type World } from './world.ts'

// The last of four accepts whatever it is shown.
let world: World
let host: TestHost
const verifiers: Verifier[] = []

const start = async (i: number, insecureFaults: readonly string[] = []): Promise<Verifier> => {
  const member = world.committee[i]!
  const faults = [...insecureFaults]
  const config = configOf(world, member, privateKey(4 + i), { insecureFaults: faults }).config
  const verifier = await startVerifier(config)
  verifiers.push(verifier)
  return verifier
}

beforeAll(async () => {
  world = await makeWorld(4, { judgeSeconds: 60n, challengeSeconds: 12n })
  host = await serveTestHost()
  for (const node of world.nodes) await setUrl(world, node, host.url)
  await Promise.all([0, 1, 2, 3].map((i) => start(i, i === 3 ? ['accept-anything'] : [])))
}, 60_000)

afterAll(async () => {
  await Promise.all(verifiers.map((each) => each.stop()))
  await host?.close()
  await world?.stop()
}, 30_000)

const bondedOf = (i: number): Promise<bigint> =>
  world.chain.read({
    address: world.contracts.staking,
    abi: stakingAbi,
    functionName: 'bondedOf',
    args: [world.committee[i]!.address],
  })

async function judgedVote(task: Hex): Promise<Vote | undefined> {
  const logs = await world.chain.ask('read judgements', (client) =>
    client.getContractEvents({
      address: world.contracts.settlement,
      abi: settlementAbi,
      eventName: 'Judged',
      args: { task },
      fromBlock: 0n,
      strict: true,
    }),
  )
  return logs.at(-1)?.args.vote
}

const votersOf = async (task: Hex): Promise<number> => {
  const { voters } = await readTask(world, task)
  return voters.toString(2).replaceAll('0', '').length
}

test('a member whose equal vote comes after the judgement adds it, and is paid with the others', async () => {
  const drawn = await placeAndDraw(world, 1n)
  const attempt = await drawn.make()
  offer(host, attempt)
  const name = attempt.signed.receipt.outputDigest.slice(2)
  let asked = 0
  host.delayMs = (digest) => (digest === name && ++asked === 4 ? 4_000 : 0)
  await post(world, drawn, attempt)
  await until('accepted', async () => (await readTask(world, drawn.task)).state === 4)
  expect(await votersOf(drawn.task)).toBe(3)

  await until('joined', async () => (await votersOf(drawn.task)) === 4)
  expect((await readTask(world, drawn.task)).state).toBe(4)
  await until('settled', async () => (await readTask(world, drawn.task)).state === 5)
}, 60_000)

test('who accepts a forged receipt is proven false, and pays for it alone', async () => {
  const drawn = await placeAndDraw(world, 2n)
  const attempt = await drawn.make({ receiptKey: key('stranger') })
  offer(host, attempt)
  await post(world, drawn, attempt)
  await until('slashed', async () => (await bondedOf(3)) < stakeWei)

  expect(await bondedOf(3)).toBe(stakeWei / 2n)
  for (const i of [0, 1, 2]) expect(await bondedOf(i)).toBe(stakeWei)
  expect(await judgedVote(drawn.task)).toMatchObject({ verdict: 2, reason: 1 })
  const proofs = await world.chain.ask('read proofs', (client) =>
    client.getContractEvents({
      address: world.contracts.settlement,
      abi: settlementAbi,
      fromBlock: 0n,
      strict: true,
    }),
  )
  const names = proofs.map(({ eventName }) => eventName)
  expect(names).not.toContain('EquivocationProven')
  expect(names).toContain('FalseVoteProven')
}, 60_000)
