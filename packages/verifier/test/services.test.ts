import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Json } from '@cloister/codec'
import { Chain, fetchJson, refusalOf, type Child } from '@cloister/io'
import {
  cloisterDomain,
  ledgerAbi,
  messageField,
  objectField,
  payoutProof,
  recoverSigner,
  signatureField,
  spokePayoutAbi,
} from '@cloister/protocol'
import { encodeDeployData, encodeFunctionData } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { spokePayoutBytecode } from '../../devnet/src/generated/bytecode.ts'
import { readVerifierConfig, startVerifier, type Verifier } from '../src/index.ts'
import { payoutLeavesField } from '../src/payouts.ts'
import { named } from './attempt.ts'
import {
  configOf,
  offer,
  placeAndDraw,
  post,
  readTask,
  refusalAt,
  serveTestHost,
  setUrl,
  until,
  type TestHost,
} from './story.ts'
import {
  account,
  addressOf,
  callAnvil,
  chainId,
  feeWei,
  makeWorld,
  privateKey,
  startAnvil,
  type World,
} from './world.ts'

// A committee of one: its quorum is its own signature.
let world: World
let host: TestHost
let verifier: Verifier
let spoke: Child

const spokeId = 31338

beforeAll(async () => {
  world = await makeWorld(1)
  host = await serveTestHost()
  for (const node of world.nodes) await setUrl(world, node, host.url)
  verifier = await startVerifier(
    configOf(world, world.committee[0]!, privateKey(4), { registrationSeconds: 86_400 }).config,
  )
  await until('clear', async () => {
    const status = await fetchJson(`${verifier.url}/v1/status`)
    return JSON.stringify(status).includes('"state":"clear"')
  })
}, 60_000)

afterAll(async () => {
  await verifier?.stop()
  await host?.close()
  await spoke?.stop()
  await world?.stop()
}, 30_000)

const refusal = (path: string, json: Json) => refusalAt(`${verifier.url}${path}`, json)

const ask = (height: bigint, chain = chainId) =>
  refusal('/v1/checkpoints', { chainId: chain, height: height.toString(), nonce: named('nonce') })

describe('checkpoints', () => {
  const answer = objectField({ checkpoint: messageField('Checkpoint'), signature: signatureField })
  const nonce = named('nonce')

  test('a recent block of the chain is signed under the asker’s nonce', async () => {
    const { number } = await world.chain.block()
    const block = await world.chain.block(number - 1n)
    const json = { chainId, height: (number - 1n).toString(), nonce }
    const given = answer.parse(await fetchJson(`${verifier.url}/v1/checkpoints`, { json }), '')
    expect(given.checkpoint).toEqual({
      chainId: BigInt(chainId),
      height: block.number,
      blockHash: block.hash,
      blockTime: block.timestamp,
      committee: 0n,
      nonce,
    })
    const signer = recoverSigner(world.domain, 'Checkpoint', given.checkpoint, given.signature)
    expect(await signer).toBe(verifier.address)
  })

  test('a height ahead of the head, one too far behind, and another chain are refused', async () => {
    const { number } = await world.chain.block()
    expect(await ask(number + 50n)).toMatchObject({ status: 422, code: 'refused' })
    const late = await ask(number - 4n)
    expect(late).toMatchObject({ status: 422, code: 'refused' })
    expect(late.message).toMatch(/blocks behind the head, at most 3/)
    expect(await ask(number, 1)).toMatchObject({ status: 422, code: 'refused' })
  })

  test('a block further than half a minute from the own clock is refused, however near the head', async () => {
    const dataFolder = join(world.folder, 'clock')
    mkdirSync(dataFolder)
    const member = world.committee[0]!
    const { config } = configOf(world, member, privateKey(4), { dataFolder, announce: false })
    const { deploymentFile, keyFile, listen } = config
    const file = join(dataFolder, 'config.json')
    const production = false
    writeFileSync(file, JSON.stringify({ production, deploymentFile, keyFile, dataFolder, listen }))
    let clockMs = 0
    const other = await startVerifier(readVerifierConfig(file), { now: () => clockMs })
    try {
      const at = async (seconds: number) => {
        const { number, timestamp } = await world.chain.block()
        clockMs = (Number(timestamp) + seconds) * 1_000
        const json = { chainId, height: number.toString(), nonce }
        return fetchJson(`${other.url}/v1/checkpoints`, { json })
      }
      await until('clear', () =>
        at(0).then(
          () => true,
          () => false,
        ),
      )
      for (const seconds of [-30, 30]) expect(answer.parse(await at(seconds), '')).toBeDefined()
      for (const seconds of [-31, 31, 120])
        expect(refusalOf(await at(seconds).catch((error: unknown) => error))).toMatchObject({
          status: 422,
          code: 'refused',
        })
    } finally {
      await other.stop()
    }
  })

  test('a body that is none names the field', async () => {
    const found = await refusal('/v1/checkpoints', { chainId, height: '1', nonce: '0x12' })
    expect(found).toMatchObject({ status: 400, code: 'malformed' })
    expect(found.message).toContain('body.nonce')
  })
})

describe('payouts', () => {
  const answer = objectField({
    payout: messageField('PayoutRoot'),
    leaves: payoutLeavesField,
    signature: signatureField,
  })

  test('what was earned for a spoke is vouched for once per sequence, and can be claimed there', async () => {
    spoke = await startAnvil(spokeId)
    const chain = await Chain.connect({
      url: addressOf(spoke),
      chainId: spokeId,
      pollMs: 50,
    })
    const payoutContract = (
      await chain.sender(account(0)).transact(
        {
          data: encodeDeployData({
            abi: spokePayoutAbi,
            bytecode: spokePayoutBytecode,
            args: [BigInt(chainId), 0n, [verifier.address]],
          }),
        },
        'deploy',
      )
    ).contractAddress!
    expect(await refusal('/v1/payouts', { chainId: spokeId })).toMatchObject({ status: 422 })
    const { ledger } = world.contracts
    await world.send(
      world.governance,
      ledger,
      encodeFunctionData({
        abi: ledgerAbi,
        functionName: 'openSpoke',
        args: [BigInt(spokeId), payoutContract],
      }),
    )
    await world.send(
      world.owner,
      ledger,
      encodeFunctionData({
        abi: ledgerAbi,
        functionName: 'setPayoutChain',
        args: [BigInt(spokeId)],
      }),
    )
    const drawn = await placeAndDraw(world, 1n)
    const attempt = await drawn.make()
    offer(host, attempt)
    await post(world, drawn, attempt)
    await until('settled', async () => (await readTask(world, drawn.task)).state === 5)

    const { number } = await world.chain.block()
    const json = { chainId: spokeId, height: number.toString() }
    const given = await fetchJson(`${verifier.url}/v1/payouts`, { json })
    const { payout, leaves, signature } = answer.parse(given, '')
    const earnedWei = (feeWei * 7n) / 10n
    expect(leaves).toEqual([{ account: world.owner.address, cumulativeWei: earnedWei }])
    expect(payout).toMatchObject({ sequence: number, totalWei: earnedWei, committee: 0n })
    const domain = cloisterDomain(spokeId, payoutContract)
    expect(await recoverSigner(domain, 'PayoutRoot', payout, signature)).toBe(verifier.address)
    expect(await fetchJson(`${verifier.url}/v1/payouts`, { json })).toEqual(given)

    const send = chain.sender(account(0))
    const contract = { address: payoutContract, abi: spokePayoutAbi } as const
    await send.sendAndWait({ ...contract, functionName: 'postRoot', args: [payout, [signature]] })
    await send.sendAndWait({
      ...contract,
      functionName: 'claim',
      args: [world.owner.address, earnedWei, payoutProof(leaves, world.owner.address)!],
    })
    const claimed = chain.read({
      ...contract,
      functionName: 'claimedOf',
      args: [world.owner.address],
    })
    expect(await claimed).toBe(earnedWei)
  }, 90_000)

  test('heights that are not settled or long past, and chains that are no spoke, are refused', async () => {
    await callAnvil(world.url, 'anvil_mine', ['0x110'])
    const { number } = await world.chain.block()
    expect(
      (await refusal('/v1/payouts', { chainId: spokeId, height: (number + 20n).toString() })).code,
    ).toBe('refused')
    expect((await refusal('/v1/payouts', { chainId: 5 })).code).toBe('refused')
    expect((await refusal('/v1/payouts', { chainId: spokeId, height: '1' })).code).toBe('refused')
  })
})

test('a verifier whose journal was lost finds its vote on chain, says so, and signs nothing', async () => {
  await verifier.stop()
  const folder = join(world.folder, world.committee[0]!.address)
  for (const suffix of ['', '-wal', '-shm'])
    rmSync(join(folder, `journal.sqlite${suffix}`), { force: true })
  verifier = await startVerifier(configOf(world, world.committee[0]!, privateKey(4)).config)
  await until('silent', async () => {
    const status = await fetchJson(`${verifier.url}/v1/status`)
    return JSON.stringify(status).includes('"state":"silent"')
  })
  const { number } = await world.chain.block()
  const nonce = named('nonce')
  const asked = { chainId, height: number.toString(), nonce }
  expect(await refusal('/v1/checkpoints', asked)).toMatchObject({ status: 503, code: 'unready' })
  expect(await refusal('/v1/payouts', { chainId: spokeId })).toMatchObject({ status: 503 })
  expect(await refusal('/v1/admissions', { url: host.url })).toMatchObject({
    status: 503,
    code: 'unready',
  })
})
