import { assetRegistryAbi, marketAbi } from '@cloister/protocol'
import {
  encodeAbiParameters,
  encodeEventTopics,
  numberToHex,
  zeroAddress,
  zeroHash,
  type Hex,
  type Log,
} from 'viem'
import { expect, test } from 'vitest'

import { ChainIndex } from '../src/chain-index.ts'

const id = (n: number): Hex => numberToHex(n, { size: 32 })

function log(block: number, topics: readonly unknown[], data: Hex): Log {
  return {
    address: zeroAddress,
    blockHash: zeroHash,
    blockNumber: BigInt(block),
    data,
    logIndex: 0,
    removed: false,
    topics: JSON.parse(JSON.stringify(topics)),
    transactionHash: zeroHash,
    transactionIndex: 0,
  }
}

function registered(block: number, asset: number): Log {
  const topics = encodeEventTopics({
    abi: assetRegistryAbi,
    eventName: 'AssetRegistered',
    args: { asset: id(asset), owner: zeroAddress },
  })
  const types = ['bytes32', 'bytes32', 'bytes32[3]', 'address[3]', 'uint8', 'bytes32', 'bytes32']
  const three = [zeroAddress, zeroAddress, zeroAddress]
  const values = [id(0), id(0), [id(1), id(2), id(3)], three, 2, id(0), id(0)]
  return log(
    block,
    topics,
    encodeAbiParameters(
      types.map((type) => ({ type })),
      values,
    ),
  )
}

function drawn(block: number, task: number): Log {
  const topics = encodeEventTopics({
    abi: marketAbi,
    eventName: 'Drawn',
    args: { task: id(task), attempt: 1, node: zeroAddress },
  })
  const types = ['address', 'uint64', 'uint256'].map((type) => ({ type }))
  return log(block, topics, encodeAbiParameters(types, [zeroAddress, 5n, 0n]))
}

function settled(block: number, task: number): Log {
  const topics = encodeEventTopics({
    abi: marketAbi,
    eventName: 'Settled',
    args: { task: id(task) },
  })
  return log(block, topics, '0x')
}

test('a reorganisation takes back what came after it, the end of a task included', () => {
  const index = new ChainIndex()
  index.apply([registered(1, 1), drawn(1, 9)], 1n)
  index.apply([registered(2, 2)], 2n)
  index.apply([settled(3, 9)], 3n)
  expect([...index.assets.keys()]).toEqual([id(1), id(2)])
  expect(index.draws.size).toBe(0)
  index.rewind(2n)
  expect(index.draws.get(`${id(9)}/1`)).toBe(1n)
  index.rewind(1n)
  expect([...index.assets.keys()]).toEqual([id(1)])
})

test('what lies far back stays, and a reorganisation that reaches below it starts anew', () => {
  const index = new ChainIndex()
  for (let block = 1; block <= 1_000; block++)
    index.apply([registered(block, block)], BigInt(block))
  expect(index.assets.size).toBe(1_000)
  index.rewind(900n)
  expect(index.assets.size).toBe(900)
  index.rewind(0n)
  expect(index.assets.size).toBe(0)
})

test('an event that is not known, or is cut short, is passed over', () => {
  const index = new ChainIndex()
  const [cut] = [registered(1, 1)].map((whole): Log => ({ ...whole, data: '0x1234' }))
  index.apply([log(1, [id(77)], '0x'), cut!], 1n)
  expect(index.assets.size).toBe(0)
})
