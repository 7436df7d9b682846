import { once } from 'node:events'
import { createServer } from 'node:http'

import { canonicalJson, encodeHex, encodeUtf8, type Json } from '@cloister/codec'
import { fetchJson } from '@cloister/io'
import {
  digestOf,
  keyHash,
  ledgerAbi,
  messageField,
  nodeCollateralField,
  nodeRegistryAbi,
  objectField,
  reportData,
  signatureField,
  stakingAbi,
} from '@cloister/protocol'
import { encodeFunctionData, type Address, type Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { fetchEvidence } from '../src/fetch-evidence.ts'
import { startVerifier, type Verifier } from '../src/index.ts'
import { key, makeNode, measurement, named, registers, type TestNode } from './attempt.ts'
import { configOf, refusalAt, serveTestHost, setUrl, until, type TestHost } from './story.ts'
import { account, callAnvil, makeWorld, privateKey, stakeWei, type World } from './world.ts'

// A committee of one: its quorum is its own signature.
let world: World
let host: TestHost
let verifier: Verifier

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
  await world?.stop()
}, 30_000)

const admit = (url = host.url) => refusalAt(`${verifier.url}/v1/admissions`, { url })

const wordsOf = async (url: string) => {
  const { status, code, message } = await admit(url)
  return { status, code, message: message.replace(url, 'URL') }
}

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
      evidence: { tee: 'tdx', quote: `0x${encodeHex(quote)}` },
      collateral: nodeCollateralField('tdx').encode({ intel: world.manufacturer.collateral() }),
      tags: 3,
      url: host.url,
    }
  }

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
        await callAnvil(world.url, 'anvil_mine', ['0x110'])
        return { ...Object(await bundleOf()), beaconBlock: '1' }
      },
    ],
    [
      'a broken signature',
      'not-authentic',
      async () => {
        const given = Object(await bundleOf())
        const quote = String(given.evidence.quote)
        const at = 2 + 700 * 2
        const flipped = quote[at] === '0' ? '1' : '0'
        const changed = quote.slice(0, at) + flipped + quote.slice(at + 1)
        return { ...given, evidence: { tee: 'tdx', quote: changed } }
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
  })

  test('whatever is wrong at an address, the asker learns nothing about it', async () => {
    const closed = await wordsOf('http://127.0.0.1:1')
    expect(closed).toMatchObject({ status: 502, code: 'peer-unreachable' })
    host.admission = { secretOfAnInnerService: 'hunter2' }
    expect(await wordsOf(host.url)).toEqual(closed)
    host.admission = undefined
    expect(await wordsOf(host.url)).toEqual(closed)
    for (const url of [
      'http://10.0.0.1',
      'http://169.254.169.254',
      'http://[::ffff:10.0.0.1]',
      'http://[fd00::1]',
      'http://0.0.0.0',
      'http://nobody.invalid',
    ])
      expect(await wordsOf(url)).toEqual(closed)
  })

  test('a redirect is not followed, and nothing is asked of this machine where that is not allowed', async () => {
    host.admission = await bundleOf({ node: fresh('redirected') })
    let asked = 0
    const elsewhere = createServer((_request, response) => {
      asked++
      response.writeHead(302, { location: `${host.url}/v1/admission` }).end()
    })
    elsewhere.listen(0, '127.0.0.1')
    await once(elsewhere, 'listening')
    const url = `http://127.0.0.1:${Object(elsewhere.address()).port}`
    expect(await admit(url)).toMatchObject({ status: 502, code: 'peer-unreachable' })
    expect(asked).toBe(1)
    await expect(fetchEvidence(new URL(`${url}/v1/admission`), false)).rejects.toMatchObject({
      code: 'address-refused',
    })
    await expect(fetchEvidence(new URL('http://localhost:1/'), false)).rejects.toMatchObject({
      code: 'address-refused',
    })
    expect(asked).toBe(1)
    elsewhere.close()
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
