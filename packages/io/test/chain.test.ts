import { keccak256, numberToHex, parseEther, type Address, type Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { Chain, encodeHeader, followLogs, revertOf, type Child } from '../src/index.ts'
import { accounts, startAnvil } from './anvil.ts'
import { counterAbi, counterCode } from './counter.ts'

let child: Child
let chain: Chain
let counter: Address

const retries = { attemptsMax: 2, firstDelayMs: 20, delayMsMax: 20 }

beforeAll(async () => {
  const anvil = await startAnvil()
  child = anvil.child
  chain = await Chain.connect({
    url: anvil.url,
    chainId: 31337,
    errors: counterAbi,
    pollMs: 20,
    retries,
  })
  const receipt = await chain.sender(accounts[0]).transact({ data: counterCode }, 'deploy')
  counter = receipt.contractAddress!
})
afterAll(() => child.kill())

// Anvil's own methods are not in the public client's list.
async function callAnvil(method: string, ...params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(chain.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const answer: { result?: unknown; error?: { message: string } } = JSON.parse(
    await response.text(),
  )
  if (answer.error !== undefined) throw new Error(answer.error.message)
  return answer.result
}

function set(value: bigint) {
  return chain
    .sender(accounts[0])
    .sendAndWait({ address: counter, abi: counterAbi, functionName: 'set', args: [value] })
}

test('a call changes the state, and its receipt says so', async () => {
  const receipt = await set(7n)
  expect(receipt.status).toBe('success')
  expect(await chain.client.getStorageAt({ address: counter, slot: '0x0' })).toBe(
    `0x${'00'.repeat(31)}07`,
  )
})

test('a call that reverts is not sent, and names the error of the contract and its arguments', async () => {
  const before = await chain.block()
  const error: unknown = await set(1234n).catch((caught: unknown) => caught)
  expect(error).toMatchObject({
    code: 'reverted',
    message: expect.stringContaining('NotSmall(1234)'),
  })
  expect(revertOf(error)).toMatchObject({ errorName: 'NotSmall', args: [1234n] })
  expect((await chain.block()).number).toBe(before.number)
})

test('an error that no ABI names is reported with its selector', async () => {
  const nameless = new Chain({ url: chain.url, chainId: 31337, retries })
  const error: unknown = await nameless
    .sender(accounts[0])
    .sendAndWait({ address: counter, abi: counterAbi, functionName: 'set', args: [1234n] })
    .catch((caught: unknown) => caught)
  expect(revertOf(error)?.errorName).toBe('UnknownError')
})

test('what an account cannot pay is refused with the reason', async () => {
  await expect(
    chain.sender(accounts[0]).transact({ to: counter, value: parseEther('1000000') }, 'pay'),
  ).rejects.toMatchObject({ code: 'chain-refused', message: expect.stringMatching(/fund/i) })
})

test('twenty calls at once get twenty nonces in a row', async () => {
  const first = await chain.client.getTransactionCount({ address: accounts[0].address })
  const receipts = await Promise.all(Array.from({ length: 20 }, (_, n) => set(BigInt(n))))
  const transactions = await Promise.all(
    receipts.map(({ transactionHash: hash }) => chain.client.getTransaction({ hash })),
  )
  expect(transactions.map(({ nonce }) => nonce)).toEqual(
    Array.from({ length: 20 }, (_, n) => first + n),
  )
})

test('two senders of one account, as two processes have, both get through', async () => {
  const other = new Chain({
    url: chain.url,
    chainId: 31337,
    errors: counterAbi,
    pollMs: 20,
    retries,
  })
  const call = { address: counter, abi: counterAbi, functionName: 'set', args: [5n] } as const
  for (let round = 0; round < 3; round++) {
    const both = [chain, other].map((one) => one.sender(accounts[1]).sendAndWait(call))
    const outcomes = await Promise.allSettled(both)
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  }
})

test('the header of every block hashes to the hash of that block', async () => {
  const head = await chain.block()
  for (let height = 0n; height <= head.number; height++) {
    const { hash } = await chain.block(height)
    expect(keccak256(await chain.header(height))).toBe(hash)
    expect(keccak256(await chain.header(hash))).toBe(hash)
  }
})

test('headers are linked from the newest down, and end at the first block', async () => {
  const head = await chain.block()
  const headers = await chain.headers(head.number, 5)
  expect(headers).toHaveLength(5)
  expect(keccak256(headers[0]!)).toBe(head.hash)
  expect(keccak256(headers[1]!)).toBe(head.parentHash)
  expect(await chain.headers(1n, 5)).toHaveLength(2)
})

test('a header with a changed field is refused', async () => {
  const block = await chain.rawBlock('latest')
  for (const name of ['number', 'stateRoot', 'gasUsed', 'parentBeaconBlockRoot', 'withdrawalsRoot'])
    expect(() => encodeHeader({ ...block, [name]: `0x${'5'.repeat(64)}` })).toThrow(
      /fields hash to/,
    )
  expect(() => encodeHeader({ ...block, miner: 'nobody' })).toThrow(/miner is not hexadecimal/)
})

test('a proof is of the block that was asked for', async () => {
  await set(1n)
  const { number } = await chain.block()
  await set(2n)
  const slot: Hex = `0x${'00'.repeat(32)}`
  const [old, fresh] = [
    await chain.proof(counter, [slot], number),
    await chain.proof(counter, [slot], number + 1n),
  ]
  expect([old.storageProof[0]!.value, fresh.storageProof[0]!.value]).toEqual([1n, 2n])
  expect(old.storageHash).not.toBe(fresh.storageHash)
})

test('a block that is not there is said to be absent', async () => {
  await expect(chain.block(1_000_000n)).rejects.toMatchObject({ code: 'block-absent' })
  await expect(chain.block(`0x${'12'.repeat(32)}`)).rejects.toMatchObject({ code: 'block-absent' })
})

test('another chain than expected is refused', async () => {
  await expect(Chain.connect({ url: chain.url, chainId: 1 })).rejects.toMatchObject({
    code: 'wrong-chain',
    message: expect.stringMatching(/is 31337, expected 1/),
  })
})

test('a chain that is down is named, with what to do', async () => {
  const url = 'http://127.0.0.1:9'
  await expect(Chain.connect({ url, chainId: 31337, retries })).rejects.toMatchObject({
    code: 'chain-down',
    retryable: true,
    message: expect.stringContaining(url),
  })
})

test('logs are delivered once, in order, and again after a reorganisation', async () => {
  const values: bigint[] = []
  const reorgs: bigint[] = []
  const stop = new AbortController()
  const fromBlock = (await chain.block()).number + 1n
  const following = followLogs(chain, {
    addresses: [counter],
    fromBlock,
    pollMs: 10,
    signal: stop.signal,
    onLogs: async (logs) => void values.push(...logs.map(({ data }) => BigInt(data))),
    onReorg: async (last) => void reorgs.push(last),
  })
  await set(11n)
  const kept = (await chain.block()).number
  await until(() => values.length === 1)
  const snapshot = await callAnvil('evm_snapshot')
  await set(12n)
  await set(13n)
  await until(() => values.length === 3)
  await callAnvil('evm_revert', snapshot)
  await set(14n)
  await set(15n)
  await set(16n)
  await until(() => values.length === 6)
  stop.abort()
  await following
  expect(values).toEqual([11n, 12n, 13n, 14n, 15n, 16n])
  expect(reorgs).toEqual([kept])
})

test('logs that need confirmations wait for them', async () => {
  const values: bigint[] = []
  const stop = new AbortController()
  const fromBlock = (await chain.block()).number + 1n
  const following = followLogs(chain, {
    addresses: [counter],
    fromBlock,
    confirmations: 2,
    pollMs: 10,
    signal: stop.signal,
    onLogs: async (logs) => void values.push(...logs.map(({ data }) => BigInt(data))),
    onReorg: async () => undefined,
  })
  await set(21n)
  await set(22n)
  await callAnvil('anvil_mine', numberToHex(1))
  await until(() => values.length === 1)
  await new Promise((resolve) => setTimeout(resolve, 100))
  stop.abort()
  await following
  expect(values).toEqual([21n])
})

test('a chain that comes back within the retries is answered by', async () => {
  const first = await startAnvil()
  const patient = await Chain.connect({
    url: first.url,
    chainId: 31337,
    retries: { attemptsMax: 40, firstDelayMs: 50, delayMsMax: 100 },
  })
  await first.child.kill()
  const asking = patient.block()
  const second = await startAnvil(['--port', String(first.port)])
  expect((await asking).number).toBe(0n)
  await second.child.kill()
})

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 500; round++) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('It did not happen within five seconds')
}
