import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import {
  createTestClient,
  http,
  publicActions,
  toHex,
  toRlp,
  walletActions,
  type Address,
  type Hex,
} from 'viem'

const binary = fileURLToPath(
  new URL('../../../node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil', import.meta.url),
)

const client = (url: string) =>
  createTestClient({ mode: 'anvil', transport: http(url) })
    .extend(publicActions)
    .extend(walletActions)

/** A real chain on a free port of this machine, ended by its own process id. */
export type TestChain = {
  readonly url: string
  readonly client: ReturnType<typeof client>
  readonly stop: () => Promise<void>
  readonly mine: (blocks: number) => Promise<void>
  readonly head: () => Promise<{
    height: bigint
    blockHash: Hex
    blockTime: bigint
    stateRoot: Hex
  }>
  /** The header of a block in RLP, built field by field from what the node says in JSON. */
  readonly header: (height: bigint) => Promise<Hex>
  /** Puts a word into a contract's storage; gives the contract code first. */
  readonly store: (account: Address, slot: Hex, value: Hex) => Promise<void>
  readonly proof: (
    account: Address,
    slots: readonly Hex[],
    height: bigint,
  ) => Promise<{
    address: Address
    accountProof: Hex[]
    storageProofs: { slot: Hex; proof: Hex[] }[]
  }>
}

/** Starts a chain. */
export async function startAnvil(): Promise<TestChain> {
  const child = spawn(binary, ['--port', '0', '--host', '127.0.0.1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await listening(child)
  const chain = client(url)
  return {
    url,
    client: chain,
    stop: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
    mine: (blocks) => chain.mine({ blocks }),
    head: async () => {
      const { number, hash, timestamp, stateRoot } = await chain.getBlock()
      return { height: number, blockHash: hash, blockTime: timestamp, stateRoot }
    },
    header: (height) => headerOf(url, height),
    store: async (account, slot, value) => {
      if ((await chain.getCode({ address: account })) === undefined)
        await chain.setCode({ address: account, bytecode: '0x6001600155' })
      await chain.setStorageAt({ address: account, index: slot, value })
    },
    proof: async (account, slots, height) => {
      const found = await chain.getProof({
        address: account,
        storageKeys: [...slots],
        blockNumber: height,
      })
      return {
        address: account,
        accountProof: found.accountProof,
        storageProofs: found.storageProof.map(({ proof }, index) => ({
          slot: slots[index] ?? '0x',
          proof,
        })),
      }
    },
  }
}

// The header field by field, as the execution specs order them.
async function headerOf(url: string, height: bigint): Promise<Hex> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'eth_getBlockByNumber',
      params: [toHex(height), false],
    }),
  })
  const { result }: { result: Record<string, Hex> } = JSON.parse(await response.text())
  return toRlp(
    headerFields.map((name) => {
      const value = result[name]
      if (value === undefined) throw new Error(`the node names no ${name}`)
      return numbers.has(name) ? minimal(value) : value
    }),
  )
}

const headerFields = [
  'parentHash',
  'sha3Uncles',
  'miner',
  'stateRoot',
  'transactionsRoot',
  'receiptsRoot',
  'logsBloom',
  'difficulty',
  'number',
  'gasLimit',
  'gasUsed',
  'timestamp',
  'extraData',
  'mixHash',
  'nonce',
  'baseFeePerGas',
  'withdrawalsRoot',
  'blobGasUsed',
  'excessBlobGas',
  'parentBeaconBlockRoot',
  'requestsHash',
]
const numbers = new Set([
  'difficulty',
  'number',
  'gasLimit',
  'gasUsed',
  'timestamp',
  'baseFeePerGas',
  'blobGasUsed',
  'excessBlobGas',
])

function minimal(value: Hex): Hex {
  const digits = BigInt(value).toString(16)
  return digits === '0' ? '0x' : `0x${digits.length % 2 === 0 ? digits : `0${digits}`}`
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`anvil ended with ${code} before it listened`)))
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const found = /Listening on (127\.0\.0\.1:\d+)/.exec(said)
      if (found) resolve(`http://${found[1]}`)
    })
  })
}
