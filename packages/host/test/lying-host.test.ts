import type { Json } from '@cloister/codec'
import { fetchJson } from '@cloister/io'
import {
  messageDigest,
  messageToJson,
  nodeRegistryAbi,
  parseMessage,
  settlementAbi,
  signerOf,
  verifyAccountProof,
  verifyStorageProof,
  zeroHash,
  type Peer,
  type Receipt,
} from '@cloister/protocol'
import { keccak256, numberToHex, sha256, type Hex } from 'viem'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { faultsOf, type FaultName } from '../src/index.ts'
import { app, people } from './home-chain.ts'
import { hexOf, recordOf, type EnclaveStandIn } from './stand-ins.ts'
import {
  mineUntil,
  placeOrder,
  readTask,
  registerAsset,
  startNode,
  startWorld,
  type World,
} from './world.ts'

let world: World
const closers: (() => Promise<void> | void)[] = []

beforeEach(async () => {
  world = await startWorld()
}, 60_000)
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
  await world.stop()
})

async function startLiar(...names: readonly FaultName[]) {
  const node = await startNode(world, { faults: faultsOf(names, false) })
  closers.push(node.enclave.close, node.host.stop)
  await certified(node.enclave)
  return node
}

async function certified(enclave: EnclaveStandIn): Promise<void> {
  const { chain, contracts } = world.home
  const args = [enclave.account.address] as const
  await mineUntil(world, () =>
    chain.read({
      address: contracts.nodeRegistry,
      abi: nodeRegistryAbi,
      functionName: 'certified',
      args,
    }),
  )
}

/** Signs a receipt over an output that the host stores. */
function runner(enclave: EnclaveStandIn) {
  return async (params: Json, peer: Peer): Promise<Json> => {
    const { task, attempt } = recordOf(params)
    const bytes = new Uint8Array([1, 2, 3, 4])
    const outputDigest = sha256(bytes)
    const upload = { upload: '00'.repeat(16), offset: 0, last: true, digest: outputDigest.slice(2) }
    await peer.request('store.put', upload, { bytes })
    const receipt: Receipt = {
      task: hexOf(task),
      attempt: Number(attempt),
      orderDigest: zeroHash,
      app,
      binding: zeroHash,
      inputsRoot: zeroHash,
      outputDigest,
      outputBytes: 4n,
      releasesRoot: zeroHash,
      checkpoint: zeroHash,
      time: 1n,
      nonce: zeroHash,
      outputCommitment: outputDigest,
      spentWei: 1_000_000n,
      epsilonMicros: 0n,
      deltaPicos: 0n,
    }
    const hash = messageDigest(world.domain, 'Receipt', receipt)
    const receiptSignature = await enclave.account.sign({ hash })
    return { receipt: messageToJson('Receipt', receipt), receiptSignature, bundleDigest: zeroHash }
  }
}

test.for(['alter-output', 'alter-receipt'] as const)(
  'a host with %s posts what its own signature convicts it of',
  async (fault) => {
    const { enclave, host } = await startLiar(fault)
    enclave.methods.set('attempt.run', runner(enclave))
    const asset = await registerAsset(world)
    await asset.register()
    const { task } = await placeOrder(world, asset)
    await mineUntil(world, async () => (await readTask(world, task)).state === 3)
    const answer = recordOf(await fetchJson(`${host.url}/v1/tasks/${task}/1`))
    const message = <N extends 'Receipt' | 'Posting'>(name: N, key: string) =>
      parseMessage(name, JSON.parse(JSON.stringify(answer[key])), key)
    const [receipt, posting] = [message('Receipt', 'receipt'), message('Posting', 'posting')]
    const digest = messageDigest(world.domain, 'Receipt', receipt)
    expect(await signerOf(digest, hexOf(answer['receiptSignature']))).not.toBe(
      enclave.account.address,
    )
    if (fault === 'alter-output') {
      const output = await fetch(`${host.url}/v1/objects/${receipt.outputDigest.slice(2)}`)
      expect([...new Uint8Array(await output.arrayBuffer())]).toEqual([1, 2, 3, 5])
    }
    expect(posting.receiptSignatureHash).toBe(keccak256(hexOf(answer['receiptSignature'])))
    const proof = [posting, answer['operatorSignature'], receipt, answer['receiptSignature']]
    const { settlement } = world.home.contracts
    const proven = await world.home.send(
      people.requester,
      settlement,
      settlementAbi,
      'proveForgedReceipt',
      proof,
    )
    expect(proven.status).toBe('success')
  },
)

test('a host that goes silent leaves its enclave alone, and its node pays', async () => {
  const { enclave } = await startLiar('go-silent')
  const asset = await registerAsset(world)
  await asset.register()
  const { task } = await placeOrder(world, asset, { attemptSeconds: 5 })
  // No other host is there to call timeout; this one still does what anybody may.
  await mineUntil(world, async () => (await readTask(world, task)).state === 6)
  expect(enclave.asked.map(({ method }) => method)).not.toContain('attempt.run')
})

test('a stale checkpoint is an old one with genuine signatures', async () => {
  const { enclave } = await startLiar('stale-checkpoint')
  const ask = async (nonce: Hex) =>
    recordOf((await enclave.host().request('chain.checkpoint', { nonce })).result)
  const first = await ask(`0x${'01'.repeat(32)}`)
  expect(recordOf(first['checkpoint'])['nonce']).toBe(`0x${'01'.repeat(32)}`)
  expect(await ask(`0x${'02'.repeat(32)}`)).toEqual(first)
})

test('a forged proof does not verify', async () => {
  const { enclave } = await startLiar('forge-proof')
  const { chain, contracts } = world.home
  const block = await chain.block()
  const slot = numberToHex(0, { size: 32 })
  const params = {
    height: block.number.toString(),
    account: contracts.market.toLowerCase(),
    slots: [slot],
  }
  const { result } = await enclave.host().request('chain.proof', params)
  const {
    accountProof,
    storageProofs,
  }: { accountProof: Hex[]; storageProofs: { proof: Hex[] }[] } = JSON.parse(JSON.stringify(result))
  const verify = async (): Promise<bigint> => {
    const account = await verifyAccountProof(block.stateRoot, contracts.market, accountProof)
    return verifyStorageProof(account!.storageRoot, BigInt(slot), storageProofs[0]!.proof)
  }
  await expect(verify()).rejects.toThrow()
})

test('relayed evidence is the genuine one of another node, put where the own stood', async () => {
  const liar = await startLiar('relay-evidence')
  const other = await startNode(world, { operator: people.operators[1] })
  closers.push(other.enclave.close, other.host.stop)
  await certified(other.enclave)
  const { evidence, collateral } = recordOf(await fetchJson(`${other.host.url}/v1/admission`))
  expect(String(recordOf(evidence)['quote']).length).toBeGreaterThan(2_000)
  liar.enclave.methods.set('release', async (params) => params)
  const own = { evidence: {}, collateral: {}, rest: 'kept' }
  const body = { bundle: own, asset: zeroHash, shareIndex: 0 }
  const params = { operator: people.operators[0].address.toLowerCase(), method: 'release', body }
  const relayed = { ...body, bundle: { ...own, evidence, collateral } }
  await mineUntil(world, async () => {
    const { result } = await liar.enclave.host().request('keeper.call', params)
    return JSON.stringify(result) === JSON.stringify(relayed)
  })
})
