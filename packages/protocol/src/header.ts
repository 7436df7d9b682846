import { MalformedError, parseHex } from '@cloister/codec'
import { RLP } from '@ethereumjs/rlp'
import { bytesToHex, keccak256, type Hex } from 'viem'

import { sameHex } from './ids.ts'
import { limits } from './limits.ts'

/** What Cloister reads of a block header. `hash` is of the bytes it was read from. */
export type Header = {
  readonly hash: Hex
  readonly parentHash: Hex
  readonly stateRoot: Hex
  readonly number: bigint
  readonly timestamp: bigint
}

/** The block that a checkpoint names. */
export type HeadBlock = {
  readonly height: bigint
  readonly blockHash: Hex
  readonly blockTime: bigint
}

// Least and most bytes of each field, in order. Execution specs: Header, up to Osaka (21 fields).
const fieldSizes: readonly (readonly [name: string, min: number, max: number])[] = [
  ['parentHash', 32, 32],
  ['ommersHash', 32, 32],
  ['coinbase', 20, 20],
  ['stateRoot', 32, 32],
  ['transactionsRoot', 32, 32],
  ['receiptsRoot', 32, 32],
  ['logsBloom', 256, 256],
  ['difficulty', 0, 32],
  ['number', 0, 8],
  ['gasLimit', 0, 8],
  ['gasUsed', 0, 8],
  ['timestamp', 0, 8],
  ['extraData', 0, 32],
  ['mixHash', 32, 32],
  ['nonce', 8, 8],
  ['baseFeePerGas', 0, 32],
  ['withdrawalsRoot', 32, 32],
  ['blobGasUsed', 0, 8],
  ['excessBlobGas', 0, 8],
  ['parentBeaconBlockRoot', 32, 32],
  ['requestsHash', 32, 32],
]

// How many of them a header has since London, Shanghai, Cancun, and Prague.
const fieldCounts: readonly number[] = [16, 17, 20, 21]

/**
 * Reads a block header. Its hash is computed, not believed: compare it with one that somebody vouches for.
 *
 * @throws {MalformedError} on anything that is not a header of London up to Osaka.
 */
export function parseHeader(rlp: Hex, field = 'header'): Header {
  const bytes = parseHex(rlp, field)
  if (bytes.length > limits.headerBytesMax)
    throw new MalformedError(
      field,
      0,
      `${bytes.length} bytes, at most ${limits.headerBytesMax} are read`,
    )
  const fields = decodeList(bytes, field)
  if (!fieldCounts.includes(fields.length))
    throw new MalformedError(
      field,
      0,
      `${fields.length} fields, expected ${fieldCounts.join(', ')}`,
    )
  const value = (name: string): Uint8Array => {
    const index = fieldSizes.findIndex(([known]) => known === name)
    return fields[index] ?? new Uint8Array(0)
  }
  for (const [index, item] of fields.entries()) {
    const [name = '', min = 0, max = 0] = fieldSizes[index] ?? []
    if (item.length < min || item.length > max)
      throw new MalformedError(`${field} ${name}`, 0, `${item.length} bytes`)
    if (min === 0 && name !== 'extraData' && item[0] === 0)
      throw new MalformedError(`${field} ${name}`, 0, 'a number with a leading zero byte')
  }
  return {
    hash: keccak256(bytes),
    parentHash: bytesToHex(value('parentHash')),
    stateRoot: bytesToHex(value('stateRoot')),
    number: numberOf(value('number')),
    timestamp: numberOf(value('timestamp')),
  }
}

/**
 * Reads headers from the block that a checkpoint names downwards, each linked by its parent's hash.
 *
 * @throws {MalformedError} where the first is not that block, or a link is broken.
 */
export function parseHeaderChain(head: HeadBlock, headers: readonly Hex[]): readonly Header[] {
  if (headers.length === 0 || headers.length > limits.headersMax)
    throw new MalformedError('headers', 0, `${headers.length}, expected 1 to ${limits.headersMax}`)
  const chain: Header[] = []
  let wanted = head.blockHash
  for (const [index, rlp] of headers.entries()) {
    const field = `headers[${index}]`
    const header = parseHeader(rlp, field)
    if (!sameHex(header.hash, wanted))
      throw new MalformedError(field, 0, `its hash is ${header.hash}, expected ${wanted}`)
    if (header.number !== head.height - BigInt(index))
      throw new MalformedError(
        field,
        0,
        `its number is ${header.number}, expected ${head.height - BigInt(index)}`,
      )
    if (index === 0 && header.timestamp !== head.blockTime)
      throw new MalformedError(
        field,
        0,
        `its time is ${header.timestamp}, expected ${head.blockTime}`,
      )
    chain.push(header)
    wanted = header.parentHash
  }
  return chain
}

function decodeList(bytes: Uint8Array, field: string): readonly Uint8Array[] {
  let decoded: unknown
  try {
    decoded = RLP.decode(bytes)
  } catch (cause) {
    throw new MalformedError(field, 0, 'not RLP', { cause })
  }
  if (!Array.isArray(decoded)) throw new MalformedError(field, 0, 'not a list')
  return decoded.map((item: unknown, index) => {
    if (!(item instanceof Uint8Array))
      throw new MalformedError(`${field} field ${index}`, 0, 'not bytes')
    return item
  })
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(bytesToHex(bytes))
}
