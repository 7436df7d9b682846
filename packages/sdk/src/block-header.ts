import { keccak256, toRlp, type Hex } from 'viem'

import { askChain, type Chain } from './chain.ts'
import { sdkError } from './sdk-error.ts'

// Order of a header's fields; a fork adds some at the end. Spec: Ethereum execution specs, Header of Osaka.
const fields = [
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
] as const

// Written without leading zeros; all others are bytes as they are.
const numbers: readonly string[] = [
  'difficulty',
  'number',
  'gasLimit',
  'gasUsed',
  'timestamp',
  'baseFeePerGas',
  'blobGasUsed',
  'excessBlobGas',
]

/**
 * The RLP of a block's header, whose keccak256 is the block's hash: that is checked.
 *
 * @throws {OperationError} `chain-down`, or `receipt-incomplete` where the chain has a fork that is not known here.
 */
export async function headerAt(chain: Chain, height: bigint): Promise<Hex> {
  const block: unknown = await askChain(chain, `read block ${height}`, (reader) =>
    reader.request({
      method: 'eth_getBlockByNumber',
      params: [`0x${height.toString(16)}`, false],
    }),
  )
  const items: Hex[] = []
  for (const name of fields) {
    const value = memberOf(block, name)
    if (value === undefined) break
    items.push(numbers.includes(name) ? shortest(value) : value)
  }
  const header = toRlp(items)
  const hash = memberOf(block, 'hash')
  if (keccak256(header) === hash) return header
  throw sdkError(
    'receipt-incomplete',
    `Cannot encode the header of block ${height}: its fields hash to ${keccak256(header)}, the chain says ${hash ?? 'nothing'}; this chain's fork is not known here`,
  )
}

function memberOf(block: unknown, name: string): Hex | undefined {
  if (typeof block !== 'object' || block === null) return undefined
  const value: unknown = Object.getOwnPropertyDescriptor(block, name)?.value
  return isHex(value) ? value : undefined
}

function isHex(value: unknown): value is Hex {
  return typeof value === 'string' && /^0x[0-9a-f]*$/i.test(value)
}

function shortest(value: Hex): Hex {
  const digits = value.slice(2).replace(/^0+/, '')
  if (digits === '') return '0x'
  return digits.length % 2 === 0 ? `0x${digits}` : `0x0${digits}`
}
