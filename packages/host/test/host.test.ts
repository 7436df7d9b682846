import { fetchBytes, fetchJson } from '@cloister/io'
import {
  AnswerError,
  keepersHash,
  messageDigest,
  messageToJson,
  nodeRegistryAbi,
  parseHeaderChain,
  parseMessage,
  settlementAbi,
  signerOf,
  sortSignatures,
  verifyAccountProof,
  verifyQuorum,
  verifyStorageProof,
  zeroHash,
} from '@cloister/protocol'
import { bytesToHex, keccak256, numberToHex, type Hex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { startHost, type Host, type HostConfig } from '../src/index.ts'
import { attemptRunner, judge } from './attempt-run.ts'
import { manifest, people } from './home-chain.ts'
import { hexOf, recordOf, type EnclaveStandIn } from './stand-ins.ts'
import {
  admitKeeper,
  depth,
  mineUntil,
  placeOrder,
  readTask,
  registerAsset,
  startNode,
  startWorld,
  testLog,
  type World,
} from './world.ts'

let world: World
let enclave: EnclaveStandIn
let host: Host
let config: HostConfig
let keepers: readonly PrivateKeyAccount[]

const states = { refunded: 6, settled: 5, accepted: 4, posted: 3 }

beforeAll(async () => {
  world = await startWorld()
  keepers = [
    await admitKeeper(world, people.operators[1], 2),
    await admitKeeper(world, people.operators[2], 3),
  ]
  ;({ enclave, host, config } = await startNode(world))
  await mineUntil(world, () => certified(enclave.account.address))
}, 60_000)
afterAll(async () => {
  await host.stop()
  enclave.close()
  await world.stop()
})

function certified(receiptKey: Hex): Promise<boolean> {
  const { chain, contracts } = world.home
  return chain.read({
    address: contracts.nodeRegistry,
    abi: nodeRegistryAbi,
    functionName: 'certified',
    args: [receiptKey],
  })
}

test('the node is admitted under its operator and url, and shows what was appraised', async () => {
  const { chain, contracts } = world.home
  const read = { address: contracts.nodeRegistry, abi: nodeRegistryAbi } as const
  const args = [enclave.account.address] as const
  expect(await chain.read({ ...read, functionName: 'operatorOf', args })).toBe(
    people.operators[0].address,
  )
  expect(await chain.read({ ...read, functionName: 'urlOf', args })).toBe(host.url)
  const bundle = recordOf(await fetchJson(`${host.url}/v1/admission`))
  expect(await judge(world, bundle)).toEqual([])
  const block = await chain.block(BigInt(String(bundle['beaconBlock'])))
  expect(bundle['beacon']).toBe(block.hash)
})

test('the status names the deployment, the operator and the keys', async () => {
  expect(await fetchJson(`${host.url}/v1/status`)).toEqual({
    version: '1',
    role: 'node',
    deployment: world.deployment,
    operator: people.operators[0].address.toLowerCase(),
    receiptKey: enclave.account.address.toLowerCase(),
    sharePublicKey: bytesToHex(enclave.sharePublicKey),
    machineId: enclave.machineId,
    measurement: enclave.measurement,
    head: { height: expect.stringMatching(/^\d+$/), blockHash: expect.stringMatching(/^0x/) },
  })
})

test('what the enclave is told of the chain holds: quorum, headers, proofs', async () => {
  const peer = enclave.host()
  const nonce: Hex = `0x${'ab'.repeat(32)}`
  const answer = recordOf((await peer.request('chain.checkpoint', { nonce })).result)
  const checkpoint = parseMessage(
    'Checkpoint',
    JSON.parse(JSON.stringify(answer['checkpoint'])),
    'checkpoint',
  )
  expect(checkpoint.nonce).toBe(nonce)
  const signatures: Hex[] = JSON.parse(JSON.stringify(answer['signatures']))
  const set = { epoch: 0n, members: world.home.genesis }
  expect(
    (await verifyQuorum(world.domain, 'Checkpoint', checkpoint, signatures, set)).reached,
  ).toBe(true)
  const headers: Hex[] = JSON.parse(JSON.stringify(answer['headers']))
  const parsed = parseHeaderChain(
    { height: checkpoint.height, blockHash: checkpoint.blockHash, blockTime: checkpoint.blockTime },
    headers,
  )
  expect(parsed).toHaveLength(depth + 1)
  const deep = parsed[depth]!
  const { market } = world.home.contracts
  const slots = [numberToHex(1, { size: 32 }), numberToHex(0, { size: 32 })]
  const params = { height: deep.number.toString(), account: market.toLowerCase(), slots }
  const proof = (await peer.request('chain.proof', params)).result
  const {
    accountProof,
    storageProofs,
  }: { accountProof: Hex[]; storageProofs: { slot: Hex; proof: Hex[] }[] } = JSON.parse(
    JSON.stringify(proof),
  )
  expect(storageProofs.map(({ slot }) => slot)).toEqual(slots)
  const account = await verifyAccountProof(deep.stateRoot, market, accountProof)
  for (const { slot, proof: nodes } of storageProofs) {
    const word = await verifyStorageProof(account!.storageRoot, BigInt(slot), nodes)
    const real = await world.home.chain.client.getStorageAt({
      address: market,
      slot,
      blockNumber: deep.number,
    })
    expect(word).toBe(BigInt(real!))
  }
})

test('a task is drawn, run, posted, judged and settled', async () => {
  enclave.methods.set('attempt.run', attemptRunner(world, enclave, keepers))
  const asset = await registerAsset(world)
  await asset.register()
  const { task, order, grant, grantSignature } = await placeOrder(world, asset)
  await mineUntil(world, async () => (await readTask(world, task)).state === states.posted)

  const told = recordOf((await enclave.host().request('chain.order', { task })).result)
  expect(told).toEqual({
    order: messageToJson('Order', order),
    grants: [messageToJson('Grant', grant)],
    grantSignatures: [grantSignature],
    manifest,
  })
  const posted = recordOf(await fetchJson(`${host.url}/v1/tasks/${task}/1`))
  const posting = parseMessage('Posting', JSON.parse(JSON.stringify(posted['posting'])), 'posting')
  const receipt = parseMessage('Receipt', JSON.parse(JSON.stringify(posted['receipt'])), 'receipt')
  const receiptDigest = messageDigest(world.domain, 'Receipt', receipt)
  const receiptSignature = hexOf(posted['receiptSignature'])
  expect(await signerOf(receiptDigest, receiptSignature)).toBe(enclave.account.address)
  expect(posting).toEqual({
    task,
    attempt: 1,
    receiptDigest,
    receiptSignatureHash: keccak256(receiptSignature),
    bundleDigest: posted['bundleDigest'],
    spentWei: receipt.spentWei,
    outputCommitment: receipt.outputCommitment,
  })
  const output = await fetchBytes(`${host.url}/v1/objects/${receipt.outputDigest.slice(2)}`)
  expect(Buffer.from(output.bytes).toString()).toBe(`the sealed output of ${task}`)

  const vote = {
    task,
    attempt: 1,
    posting: messageDigest(world.domain, 'Posting', posting),
    verdict: 1,
    reason: 0,
    keepersHash: keepersHash([people.operators[0].address, people.operators[1].address]),
    appraisalDigest: zeroHash,
  }
  const hash = messageDigest(world.domain, 'Vote', vote)
  const signatures = await Promise.all(people.verifiers.map((verifier) => verifier.sign({ hash })))
  await world.home.send(people.requester, world.home.contracts.settlement, settlementAbi, 'judge', [
    vote,
    await sortSignatures(hash, signatures),
  ])
  expect((await readTask(world, task)).state).toBe(states.accepted)
  await mineUntil(world, async () => (await readTask(world, task)).state === states.settled)
})

test('a restarted host knows what it posted, and serves it under its new address', async () => {
  await host.stop()
  const before = enclave.asked.filter(({ method }) => method === 'attempt.run').length
  host = await startHost(config, { log: testLog })
  const { chain, contracts } = world.home
  await mineUntil(world, async () => {
    const args = [enclave.account.address] as const
    const url = await chain.read({
      address: contracts.nodeRegistry,
      abi: nodeRegistryAbi,
      functionName: 'urlOf',
      args,
    })
    return url === host.url
  })
  const logs = await chain.logs([contracts.market], 0n, (await chain.block()).number)
  const task = logs.find(({ topics }) => topics.length === 4)?.topics[1]
  expect(await fetchJson(`${host.url}/v1/tasks/${task}/1`)).toMatchObject({ posting: { task } })
  expect(enclave.asked.filter(({ method }) => method === 'attempt.run')).toHaveLength(before)
})

test('signed refusals of two keepers that blame the owner end the task, and the requester is refunded', async () => {
  const asset = await registerAsset(world)
  await asset.register()
  let order: Awaited<ReturnType<typeof placeOrder>> | undefined
  enclave.methods.set('attempt.run', async () => {
    const refusals = await Promise.all(
      keepers.map(async (keeper, index) => {
        const refusal = {
          task: order!.task,
          attempt: 1,
          asset: asset.asset,
          grant: order!.order.grants[0]!,
          shareIndex: index + 1,
          keeper: keeper.address,
          reason: 1,
          time: 1n,
        }
        const hash = messageDigest(world.domain, 'Refusal', refusal)
        return {
          refusal: messageToJson('Refusal', refusal),
          signature: await keeper.sign({ hash }),
        }
      }),
    )
    throw new AnswerError('release-refused', 'too few shares', {
      data: { refusals: refusals.toReversed() },
    })
  })
  order = await placeOrder(world, asset, { attemptsMax: 3 })
  await mineUntil(world, async () => (await readTask(world, order.task)).state === states.refunded)
})

test('an attempt that no enclave can finish is timed out by anybody, and its order refunded', async () => {
  enclave.methods.set('attempt.run', async () => {
    throw new AnswerError('app-failed', 'it always fails')
  })
  const asset = await registerAsset(world)
  await asset.register()
  const { task } = await placeOrder(world, asset, { attemptSeconds: 5 })
  await mineUntil(world, async () => (await readTask(world, task)).state === states.refunded)
  // A failure that is not worth another try is not tried again.
  const runs = enclave.asked.filter(
    ({ method, params }) => method === 'attempt.run' && recordOf(params)['task'] === task,
  )
  expect(runs).toHaveLength(1)
})

test('an order that nobody can be drawn for is refunded once it expired', async () => {
  const asset = await registerAsset(world)
  await asset.register()
  const { timestamp } = await world.home.chain.block()
  const { task } = await placeOrder(world, asset, { tierMin: 3, expiry: timestamp + 60n })
  await mineUntil(world, async () => (await readTask(world, task)).state === states.refunded, {
    seconds: 5,
  })
})

test('a keeper gets its share through the host, which then knows the policy of the registered asset only', async () => {
  const asset = await registerAsset(world)
  enclave.methods.set('share.deposit', async () => ({ ack: 'ack', signature: '0x' }))
  const deposit = {
    asset: asset.asset,
    shareIndex: 0,
    commitment: asset.commitments[0]!,
    envelope: '0x1234',
    policy: messageToJson('KeeperPolicy', { ...asset.policy, tcbFloor: 5 }),
    policySignature: asset.policySignature,
  }
  await fetchJson(`${host.url}/v1/shares`, { json: deposit })
  const good = { ...deposit, policy: messageToJson('KeeperPolicy', asset.policy) }
  expect(await fetchJson(`${host.url}/v1/shares`, { json: good })).toEqual({
    ack: 'ack',
    signature: '0x',
  })
  await asset.register()
  await mineUntil(world, async () => {
    const answer = await enclave
      .host()
      .request('chain.keepers', { asset: asset.asset })
      .catch(() => undefined)
    return answer !== undefined && recordOf(answer.result)['policy'] !== null
  })
  const { result } = await enclave.host().request('chain.keepers', { asset: asset.asset })
  expect(result).toEqual({
    salt: asset.salt,
    commitments: asset.commitments,
    operators: asset.operators.map((operator) => operator.toLowerCase()),
    threshold: 2,
    policy: messageToJson('KeeperPolicy', asset.policy),
    policySignature: asset.policySignature,
    // The other two operators' nodes have no host, so nobody tells their share keys.
    nodes: [
      {
        operator: people.operators[0].address.toLowerCase(),
        receiptKey: enclave.account.address.toLowerCase(),
        sharePublicKey: bytesToHex(enclave.sharePublicKey),
      },
    ],
  })
})

test('owners are shown evidence that holds with the collateral beside it', async () => {
  const shown = recordOf(
    await fetchJson(`${host.url}/v1/keep-evidence`, {
      json: { asset: zeroHash, ownerNonce: zeroHash },
    }),
  )
  expect(await judge(world, shown)).toEqual([])
})
