import { fetchJson } from '@cloister/io'
import { settlementAbi, stakingAbi } from '@cloister/protocol'
import type { Address, Hex } from 'viem'
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
import { feeWei, makeWorld, privateKey, stakeWei, type World } from './world.ts'

// Four verifiers on a real chain; the last votes both ways.
let world: World
let host: TestHost
const verifiers: Verifier[] = []

beforeAll(async () => {
  world = await makeWorld()
  host = await serveTestHost()
  for (const node of world.nodes) await setUrl(world, node, host.url)
  const lies = { insecureFaults: ['vote-both-ways'] }
  verifiers.push(
    ...(await Promise.all(
      world.committee.map((member, i) =>
        startVerifier(configOf(world, member, privateKey(4 + i), i === 3 ? lies : {}).config),
      ),
    )),
  )
}, 60_000)

afterAll(async () => {
  await Promise.all(verifiers.map((each) => each.stop()))
  await host?.close()
  await world?.stop()
}, 30_000)

const bondedOf = (address: Address): Promise<bigint> =>
  world.chain.read({
    address: world.contracts.staking,
    abi: stakingAbi,
    functionName: 'bondedOf',
    args: [address],
  })

const balanceOf = (address: Address): Promise<bigint> =>
  world.chain.read({
    address: world.contracts.ledger,
    abi: [
      {
        type: 'function',
        name: 'balanceOf',
        inputs: [{ name: 'account', type: 'address' }],
        outputs: [{ name: '', type: 'uint256' }],
        stateMutability: 'view',
      },
    ] as const,
    functionName: 'balanceOf',
    args: [address],
  })

async function judgementsOf(task: Hex) {
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
  return logs.map(({ args }) => args)
}

test('an honest posting is accepted and paid; who voted both ways loses half its stake and the reward', async () => {
  const before = await Promise.all(world.committee.map(({ address }) => balanceOf(address)))
  const drawn = await placeAndDraw(world, 1n)
  const attempt = await drawn.make()
  offer(host, attempt)
  await post(world, drawn, attempt)
  await until('settled', async () => (await readTask(world, drawn.task)).state === 5)

  const [judgement] = await judgementsOf(drawn.task)
  expect(judgement?.vote).toMatchObject({ verdict: 1, reason: 0, posting: attempt.posting })
  const liar = world.committee[3]!.address
  expect(await bondedOf(liar)).toBe(stakeWei / 2n)
  for (const { address } of world.committee.slice(0, 3))
    expect(await bondedOf(address)).toBe(stakeWei)
  // 4 % of the fee among the three whose vote stands; one of them also has 30 % of the slash.
  const after = await Promise.all(world.committee.map(({ address }) => balanceOf(address)))
  const gained = after.map((wei, i) => wei - before[i]!)
  const eachWei = (feeWei * 40_000n) / 1_000_000n / 3n
  const rewardWei = ((stakeWei / 2n) * 300_000n) / 1_000_000n
  expect(gained[3]).toBe(0n)
  expect(gained.slice(0, 3).toSorted((a, b) => Number(a - b))).toEqual([
    eachWei,
    eachWei,
    eachWei + rewardWei,
  ])
}, 60_000)

test('every verifier goes on serving what it judged', async () => {
  const drawn = await placeAndDraw(world, 2n)
  const attempt = await drawn.make()
  offer(host, attempt)
  await post(world, drawn, attempt)
  await until('settled', async () => (await readTask(world, drawn.task)).state === 5)
  host.objects.clear()
  for (const { url } of verifiers.slice(0, 3)) {
    for (const [digest, bytes] of [
      [attempt.signed.receipt.outputDigest, attempt.output],
      [attempt.signed.posting.bundleDigest, attempt.bundleBytes],
    ] as const) {
      const answer = await fetch(`${url}/v1/objects/${digest.slice(2)}`)
      expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes)
    }
    const part = await fetch(`${url}/v1/objects/${attempt.signed.receipt.outputDigest.slice(2)}`, {
      headers: { range: 'bytes=1-3' },
    })
    expect(part.status).toBe(206)
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(attempt.output.slice(1, 4))
    expect(await fetchJson(`${url}/v1/tasks/${drawn.task}/1`)).toMatchObject({
      receiptSignature: attempt.signed.receiptSignature,
    })
  }
}, 60_000)

test('a receipt that the operator had signed by another key is refused with 1, and its operator slashed', async () => {
  const drawn = await placeAndDraw(world, 3n)
  const operator = drawn.node.operator.address
  const bonded = await bondedOf(operator)
  const attempt = await drawn.make({ receiptKey: key('stranger') })
  offer(host, attempt)
  await post(world, drawn, attempt)
  await until('slashed', async () => (await bondedOf(operator)) < bonded)

  const [judgement] = await judgementsOf(drawn.task)
  expect(judgement?.vote).toMatchObject({ verdict: 2, reason: 1 })
  expect(await bondedOf(operator)).toBe(bonded - stakeWei / 4n)
  expect((await readTask(world, drawn.task)).state).toBe(1)
  for (const { address } of world.committee.slice(0, 3))
    expect(await bondedOf(address)).toBe(stakeWei)
}, 60_000)

test('a withheld output is refused with 4 once half the judging time is over, and costs no stake', async () => {
  const drawn = await placeAndDraw(world, 4n)
  const operator = drawn.node.operator.address
  const bonded = await bondedOf(operator)
  const attempt = await drawn.make()
  offer(host, attempt)
  host.objects.delete(attempt.signed.receipt.outputDigest.slice(2))
  await post(world, drawn, attempt)
  const { postedAt } = await readTask(world, drawn.task)
  await until('judged', async () => (await judgementsOf(drawn.task)).length > 0)

  const [judgement] = await judgementsOf(drawn.task)
  expect(judgement?.vote).toMatchObject({ verdict: 2, reason: 4 })
  expect((await world.chain.block()).timestamp).toBeGreaterThanOrEqual(postedAt + 6n)
  expect(await bondedOf(operator)).toBe(bonded)
}, 60_000)
