import { rmSync } from 'node:fs'
import { join } from 'node:path'

import { canonicalJson, encodeHex, encodeUtf8, type Json } from '@cloister/codec'
import { fetchJson, refusalOf, type Child } from '@cloister/io'
import {
  collateralField,
  cloisterDomain,
  digestOf,
  keyHash,
  ledgerAbi,
  messageField,
  nodeRegistryAbi,
  objectField,
  payoutProof,
  recoverSigner,
  reportData,
  signatureField,
  spokePayoutAbi,
  stakingAbi,
} from '@cloister/protocol'
import { Chain } from '@cloister/io'
import { encodeDeployData, encodeFunctionData, type Address, type Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { spokePayoutBytecode } from '../../devnet/src/generated/bytecode.ts'
import { startVerifier, type Verifier } from '../src/index.ts'
import { payoutLeavesField } from '../src/payouts.ts'
import { key, makeNode, measurement, named, registers, type TestNode } from './attempt.ts'
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
import {
  account,
  chainId,
  feeWei,
  makeWorld,
  privateKey,
  stakeWei,
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

/** The status and code that a route refuses with. */
async function refusal(path: string, json: Json) {
  const error: unknown = await fetchJson(`${verifier.url}${path}`, { json }).catch(
    (cause: unknown) => cause,
  )
  const { status, code, message } = refusalOf(error)!
  return { status, code, message }
}

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
    await until('31 blocks', async () => (await world.chain.block()).number > 31n)
    const { number } = await world.chain.block()
    const ask = (height: bigint, chain = chainId) =>
      refusal('/v1/checkpoints', { chainId: chain, height: height.toString(), nonce })
    expect(await ask(number + 50n)).toMatchObject({ status: 422, code: 'refused' })
    expect(await ask(number - 31n)).toMatchObject({ status: 422, code: 'refused' })
    expect(await ask(number, 1)).toMatchObject({ status: 422, code: 'refused' })
  })

  test('a body that is none names the field', async () => {
    const found = await refusal('/v1/checkpoints', { chainId, height: '1', nonce: '0x12' })
    expect(found).toMatchObject({ status: 400, code: 'malformed' })
    expect(found.message).toContain('body.nonce')
  })
})

describe('admissions', () => {
  const answer = objectField({ admission: messageField('Admission'), signature: signatureField })
  const operator = account(10)
  const sharePublicKey: Hex = `0x${'09'.repeat(1216)}`

  type Changed = {
    readonly node?: TestNode
    readonly operator?: Address
    readonly debug?: boolean
    readonly quoted?: Hex
    readonly registers?: typeof registers
  }

  async function bundleOf(changed: Changed = {}): Promise<Json> {
    const { number } = await world.chain.block()
    const beacon = await world.chain.block(number - 1n)
    const node = changed.node ?? makeNode(world.manufacturer, 'newcomer', operator)
    const by = changed.operator ?? operator.address
    const data = reportData(world.domain, 'NodeBinding', {
      registry: world.contracts.nodeRegistry,
      operator: by,
      receiptKey: node.key.address,
      shareKeyHash: keyHash(Buffer.from(sharePublicKey.slice(2), 'hex')),
      beacon: changed.quoted ?? beacon.hash,
    })
    const quote = node.platform.quote({
      ...(changed.registers ?? registers),
      reportData: data,
      debug: changed.debug ?? false,
    })
    return {
      operator: by.toLowerCase(),
      receiptKey: node.key.address.toLowerCase(),
      sharePublicKey,
      beaconBlock: beacon.number.toString(),
      beacon: beacon.hash,
      quote: `0x${encodeHex(quote)}`,
      collateral: collateralField.encode(world.manufacturer.collateral()),
      tags: 3,
      url: host.url,
    }
  }

  const admit = (url = host.url) => refusal('/v1/admissions', { url })

  test('a node whose operator has no stake is refused, and only for that', async () => {
    host.admission = await bundleOf()
    const found = await admit()
    expect(found).toMatchObject({ status: 422, code: 'refused' })
    expect(found.message).toContain('stake-too-low')
    expect(found.message).not.toContain(';')
  })

  test('a node with evidence and stake gets an admission that the registry takes', async () => {
    await fundAndBond()
    const bondedAt = (await world.chain.block()).number
    // Evidence is judged as of its beacon, which is the block below the head.
    await until('two more blocks', async () => (await world.chain.block()).number > bondedAt + 1n)
    const given = await bundleOf()
    host.admission = given
    const json = await fetchJson(`${verifier.url}/v1/admissions`, { json: { url: host.url } })
    const { admission, signature } = answer.parse(json, '')
    const again = await fetchJson(`${verifier.url}/v1/admissions`, {
      json: { url: `${host.url}/` },
    })
    expect(answer.parse(again, '').admission).toEqual(admission)

    const node = makeNode(world.manufacturer, 'newcomer', operator)
    const beaconBlock = Number(Object(given).beaconBlock)
    const beacon = await world.chain.block(BigInt(beaconBlock))
    expect(admission).toMatchObject({
      operator: operator.address,
      receiptKey: node.key.address,
      machineId: node.machineId,
      measurement,
      tcb: 0,
      tier: 0,
      tags: 3,
      expiry: beacon.timestamp + 86_400n,
      bundleDigest: digestOf(encodeUtf8(canonicalJson(given))),
      beacon: beacon.hash,
    })
    await world.send(
      operator,
      world.contracts.nodeRegistry,
      encodeFunctionData({
        abi: nodeRegistryAbi,
        functionName: 'admit',
        args: [admission, host.url, BigInt(beaconBlock), [signature], '0x'],
      }),
    )
    const admittedAt = (await world.chain.block()).number
    await until('two more blocks', async () => (await world.chain.block()).number > admittedAt + 1n)
    host.admission = await bundleOf()
    expect((await admit()).message).toContain('key-known')
  })

  const cases: readonly [string, string, () => Promise<Json>][] = [
    [
      'an out-of-date platform',
      'TCB_STATUS',
      () => bundleOf({ node: makeNode(world.manufacturer, 'old', operator, 'OutOfDate') }),
    ],
    ['a debug TD', 'DEBUG', () => bundleOf({ node: fresh('debug'), debug: true })],
    [
      'another measurement',
      'MEASUREMENT',
      () =>
        bundleOf({
          node: fresh('altered'),
          registers: { ...registers, mrtd: new Uint8Array(48).fill(1) },
        }),
    ],
    [
      'evidence for another beacon',
      'REPORT_DATA',
      () => bundleOf({ node: fresh('stale'), quoted: named('another block') }),
    ],
    [
      'a machine of another operator',
      'machine-taken',
      () => bundleOf({ node: { ...world.nodes[0]!, key: key('second key') } }),
    ],
    [
      'a beacon that is no block',
      'beacon-unknown',
      async () => ({ ...Object(await bundleOf()), beacon: named('no block') }),
    ],
    [
      'a beacon too old',
      'beacon-too-old',
      async () => {
        await world.chain.client.request({
          method: 'anvil_mine' as never,
          params: ['0x110'] as never,
        })
        return { ...Object(await bundleOf()), beaconBlock: '1' }
      },
    ],
    [
      'a broken signature',
      'not-authentic',
      async () => {
        const given = Object(await bundleOf())
        const quote = String(given.quote)
        const at = 2 + 700 * 2
        const flipped = quote[at] === '0' ? '1' : '0'
        return { ...given, quote: quote.slice(0, at) + flipped + quote.slice(at + 1) }
      },
    ],
  ]
  const fresh = (name: string): TestNode => makeNode(world.manufacturer, name, operator)

  test.for(cases)('%s is refused: %s', async ([, code, make]) => {
    host.admission = await make()
    const found = await admit()
    expect(found).toMatchObject({ status: 422, code: 'refused' })
    expect(found.message).toContain(code)
  })

  test('addresses that are no host, and hosts that show nothing, are refused without their words', async () => {
    for (const url of [
      'ftp://127.0.0.1/',
      'file:///etc/passwd',
      'http://user:pass@127.0.0.1/',
      'http://127.0.0.1/?a=b',
      'nonsense',
    ])
      expect(await admit(url)).toMatchObject({ status: 400, code: 'bad-request' })
    expect(await admit('http://127.0.0.1:1')).toMatchObject({
      status: 502,
      code: 'peer-unreachable',
    })
    host.admission = { secretOfAnInnerService: 'hunter2' }
    const found = await admit()
    expect(found).toMatchObject({ status: 502, code: 'peer-refused' })
    expect(found.message).not.toMatch(/hunter2|secretOf/)
  })

  async function fundAndBond(): Promise<void> {
    const { contracts } = world
    await world.chain.sender(account(0)).sendAndWait({
      address: contracts.ledger,
      abi: ledgerAbi,
      functionName: 'depositFor',
      args: [operator.address, stakeWei],
    })
    await world.send(
      operator,
      contracts.staking,
      encodeFunctionData({ abi: stakingAbi, functionName: 'bond', args: [stakeWei] }),
    )
  }
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
      url: `http://${String(spoke.ready)}`,
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

  test('heights that are not settled, and chains that are no spoke, are refused', async () => {
    const { number } = await world.chain.block()
    const ask = (json: Json) => refusal('/v1/payouts', json)
    expect((await ask({ chainId: spokeId, height: (number + 20n).toString() })).code).toBe(
      'refused',
    )
    expect((await ask({ chainId: 5 })).code).toBe('refused')
    expect((await ask({ chainId: spokeId, height: '1' })).code).toBe('refused')
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
})
