import { OperationError } from '@cloister/codec'
import { keccak256, toRlp, type Hex } from 'viem'

/** A block as `eth_getBlockByNumber` gives it: hexadecimal texts by name. */
export type RawBlock = Readonly<Record<string, unknown>>

// Order and kind of a header's fields. Spec: Ethereum execution specs, Header of Osaka.
const headerFields: readonly (readonly [
  name: string,
  kind: 'bytes' | 'number',
  optional?: true,
])[] = [
  ['parentHash', 'bytes'],
  ['sha3Uncles', 'bytes'],
  ['miner', 'bytes'],
  ['stateRoot', 'bytes'],
  ['transactionsRoot', 'bytes'],
  ['receiptsRoot', 'bytes'],
  ['logsBloom', 'bytes'],
  ['difficulty', 'number'],
  ['number', 'number'],
  ['gasLimit', 'number'],
  ['gasUsed', 'number'],
  ['timestamp', 'number'],
  ['extraData', 'bytes'],
  ['mixHash', 'bytes'],
  ['nonce', 'bytes'],
  ['baseFeePerGas', 'number', true],
  ['withdrawalsRoot', 'bytes', true],
  ['blobGasUsed', 'number', true],
  ['excessBlobGas', 'number', true],
  ['parentBeaconBlockRoot', 'bytes', true],
  ['requestsHash', 'bytes', true],
]

/**
 * A block's header in the RLP whose keccak256 is the block's hash.
 *
 * @throws {OperationError} `header-unsupported` where it is not: the chain has fields unknown here.
 */
export function encodeHeader(block: RawBlock): Hex {
  const items: Hex[] = []
  for (const [name, kind, optional] of headerFields) {
    const value = block[name]
    // A fork adds fields at the end, so the first absent optional field ends the header.
    if (optional && (value === undefined || value === null)) break
    if (!isHex(value)) throw unsupported(block, `${name} is not hexadecimal`)
    items.push(kind === 'number' ? shortest(value) : value)
  }
  const header = toRlp(items)
  if (keccak256(header) !== block['hash'])
    throw unsupported(block, `its fields hash to ${keccak256(header)}`)
  return header
}

function shortest(value: Hex): Hex {
  const digits = value.slice(2).replace(/^0+/, '')
  return digits === '' ? '0x' : `0x${digits.length % 2 === 0 ? digits : `0${digits}`}`
}

function isHex(value: unknown): value is Hex {
  return typeof value === 'string' && /^0x[0-9a-f]*$/i.test(value)
}

function unsupported(block: RawBlock, detail: string): OperationError {
  return new OperationError(
    'header-unsupported',
    `Cannot encode the header of block ${String(block['hash'])}: ${detail}; the chain's fork is not known here`,
  )
}
