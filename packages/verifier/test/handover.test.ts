import { readFileSync } from 'node:fs'

import { fetchJson, refusalOf } from '@cloister/io'
import {
  committeeAbi,
  membersHash,
  messageDigest,
  messageField,
  objectField,
  parseDeployment,
  receiptFileNeeds,
  settlementAbi,
  signatureField,
  sortSignatures,
  stakingAbi,
  trimReceiptFile,
  verifyReceiptFile,
  type Handover,
  type ReceiptFile,
} from '@cloister/protocol'
import { encodeFunctionData, type Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { startVerifier, type Verifier } from '../src/index.ts'
import { voteListField } from '../src/standing.ts'
import { addresses, depth, named, sign, type Attempt } from './attempt.ts'
import {
  configOf,
  offer,
  placeAndDraw,
  post,
  proofsOf,
  readTask,
  serveTestHost,
  setUrl,
  until,
  type Drawn,
  type TestHost,
} from './story.ts'
import { account, fund, makeWorld, privateKey, quorumOf, stakeWei, type World } from './world.ts'

// Account 7 hands its seat to account 10 while a task is under way.
const next = [4, 5, 6, 10].map(account)
let world: World
let host: TestHost
let handover: Handover
let drawn: Drawn
let attempt: Attempt
const verifiers = new Map<number, Verifier>()

beforeAll(async () => {
  world = await makeWorld()
  host = await serveTestHost()
  for (const node of world.nodes) await setUrl(world, node, host.url)
  await fund(world.chain, world.contracts, world.governance, [account(10)])
  await world.send(
    account(10),
    world.contracts.staking,
    encodeFunctionData({ abi: stakingAbi, functionName: 'bond', args: [stakeWei] }),
  )
  for (const i of [4, 5, 6, 7, 10])
    verifiers.set(i, await startVerifier(configOf(world, account(i), privateKey(i)).config))
  drawn = await placeAndDraw(world, 1n)
  attempt = await drawn.make()
  const members = addresses(next)
  const message = { epoch: 1n, membersHash: membersHash(members) }
  const signatures = await quorumOf(world.committee, (each) =>
    sign(each, world.domain, 'Handover', message),
  )
  handover = { epoch: 1n, members: [...members], signatures: [...signatures] }
  await world.send(
    world.governance,
    world.contracts.committee,
    encodeFunctionData({
      abi: committeeAbi,
      functionName: 'handover',
      args: [message, members, signatures],
    }),
  )
}, 90_000)

afterAll(async () => {
  await Promise.all([...verifiers.values()].map((each) => each.stop()))
  await host?.close()
  await world?.stop()
}, 30_000)

const checkpointField = objectField({
  checkpoint: messageField('Checkpoint'),
  signature: signatureField,
})

const checkpointOf = async (i: number, height: bigint) => {
  const json = { chainId: 31337, height: height.toString(), nonce: named('nonce') }
  const answer = await fetchJson(`${verifiers.get(i)!.url}/v1/checkpoints`, { json })
  return checkpointField.parse(answer, 'answer')
}

async function judgedWith(task: Hex) {
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
  return logs.at(-1)?.args
}

test('who left signs no checkpoint any more, who came does', async () => {
  const { number } = await world.chain.block()
  await until('clear', () =>
    checkpointOf(10, number).then(
      () => true,
      () => false,
    ),
  )
  const { number: height } = await world.chain.block()
  expect((await checkpointOf(10, height)).checkpoint).toMatchObject({ committee: 1n, height })
  const left: unknown = await checkpointOf(7, height).catch((error: unknown) => error)
  expect(refusalOf(left)).toMatchObject({ status: 422, code: 'refused' })
}, 30_000)

test('an attempt under the last committee’s checkpoint is judged by the new one, and its receipt proved through the handover', async () => {
  expect(attempt.bundle.checkpoint.committee).toBe(0n)
  offer(host, attempt)
  await post(world, drawn, attempt)
  await until('settled', async () => (await readTask(world, drawn.task)).state === 5)
  const judged = await judgedWith(drawn.task)
  expect(judged?.vote).toMatchObject({ verdict: 1, reason: 0 })

  const { votes } = voteListField.parse(
    await fetchJson(`${verifiers.get(10)!.url}/v1/votes/${drawn.task}/1`),
    'answer',
  )
  const digest = messageDigest(world.domain, 'Vote', judged!.vote)
  const settledAt = (await world.chain.block()).number
  await until(
    'it lies deep',
    async () => (await world.chain.block()).number >= settledAt + BigInt(depth),
  )
  const { number: height } = await world.chain.block()
  const given = await Promise.all([4, 5, 6, 10].map((i) => checkpointOf(i, height)))
  const { checkpoint } = given[0]!
  const checkpointDigest = messageDigest(world.domain, 'Checkpoint', checkpoint)
  const { bundle, signed } = attempt
  const places = receiptFileNeeds({ bundle, posting: signed.posting }, world.contracts, depth)
  const { deploymentFile } = configOf(world, account(4), privateKey(4)).config
  const deployment = parseDeployment(readFileSync(deploymentFile))
  const whole: ReceiptFile = {
    format: 'cloister-receipt/1',
    deployment: world.deployment,
    ...signed,
    bundle,
    shares: world.assets.map(({ shares }) => shares),
    judgement: {
      epoch: 1n,
      vote: judged!.vote,
      signatures: await sortSignatures(
        digest,
        votes.map(({ signature }) => signature),
      ),
    },
    handovers: [handover],
    checkpoint,
    checkpointSignatures: await sortSignatures(
      checkpointDigest,
      given.map(({ signature }) => signature),
    ),
    proofs: await proofsOf(world.chain, height, depth, places),
  }
  const file = trimReceiptFile(whole, deployment)
  const open = async (changed: ReceiptFile) =>
    (await verifyReceiptFile(changed, deployment)).filter(({ proved }) => !proved)
  expect(await open(file)).toEqual([])
  const names = (await open({ ...file, handovers: [] })).map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['committee', 'checkpoint', 'judgement']))
}, 60_000)

test('the next attempt stands under a checkpoint of the new committee', async () => {
  const other = await placeAndDraw(world, 2n)
  const made = await other.make({ checkpointSigners: next })
  expect(made.bundle.checkpoint.committee).toBe(1n)
  offer(host, made)
  await post(world, other, made)
  await until('settled', async () => (await readTask(world, other.task)).state === 5)
  expect((await judgedWith(other.task))?.vote).toMatchObject({ verdict: 1 })
}, 60_000)
