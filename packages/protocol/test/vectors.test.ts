import { readFileSync } from 'node:fs'

import {
  assetId,
  cloisterDomain,
  deploymentOf,
  drawPoint,
  drawSeed,
  entryAt,
  grantsRoot,
  keepersHash,
  membersHash,
  messageDigest,
  messageTypes,
  parseMessage,
  payoutLeaf,
  replicaTask,
  sharesHash,
  splitFee,
  taskId,
  type MessageName,
} from '@cloister/protocol'
import { concatHex, keccak256, stringToHex, type Hex } from 'viem'
import { expect, test } from 'vitest'

import { poolEntry } from './pool.ts'

// The same files are read by the contracts' tests: both sides must come out at these hashes.
const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`vectors/${name}.json`, import.meta.url), 'utf8'))

type Value = string | boolean | readonly string[]
type MessageVector = {
  readonly type: string
  readonly typeHash: Hex
  readonly message: Readonly<Record<string, Value>>
  readonly digest: Hex
}
const messages: {
  readonly domain: { chainId: string; verifyingContract: Hex; separator: Hex }
  readonly messages: Readonly<Record<string, MessageVector>>
} = read('messages')
const domain = cloisterDomain(Number(messages.domain.chainId), messages.domain.verifyingContract)

// EIP-712 written out again, on nothing but keccak: each value is one word, strings and lists are hashed.
const wordOf = (type: string, value: Value | undefined): Hex => {
  if (type.endsWith('[]')) {
    if (typeof value !== 'object') throw new Error('not a list')
    return keccak256(concatHex(value.map((item) => wordOf(type.slice(0, -2), item))))
  }
  if (typeof value === 'object' || value === undefined) throw new Error('not a value')
  if (type === 'string') return keccak256(stringToHex(String(value)))
  if (type === 'bool') return `0x${(value === true ? '1' : '0').padStart(64, '0')}`
  if (type === 'bytes32') return `0x${String(value).slice(2)}`
  return `0x${BigInt(value).toString(16).padStart(64, '0')}`
}

const digestByHand = ({ type, message }: MessageVector): Hex => {
  const [, fields = ''] = /\((.*)\)$/.exec(type) ?? []
  const words = fields.split(',').map((field) => {
    const [kind = '', name = ''] = field.split(' ')
    return wordOf(kind, message[name])
  })
  const struct = keccak256(concatHex([keccak256(stringToHex(type)), ...words]))
  return keccak256(concatHex(['0x1901', messages.domain.separator, struct]))
}

const names = Object.keys(messageTypes).filter((name): name is MessageName => name in messageTypes)

test('the vectors hold every message, and no other', () => {
  expect(Object.keys(messages.messages).toSorted()).toEqual(names.toSorted())
})

test('the deployment is the domain’s separator', () => {
  expect(deploymentOf(domain)).toBe(messages.domain.separator)
})

test.for(names)('%s has the digest that hand-written EIP-712 has, and Solidity', (name) => {
  const vector = messages.messages[name]!
  // In our JSON narrow numbers are numbers; in the vectors, which Solidity reads, all are text.
  const json = Object.fromEntries(
    messageTypes[name].map((field) => {
      const value = vector.message[field.name]
      return [field.name, /^uint(?:8|32)$/.test(field.type) ? Number(value) : lower(value)]
    }),
  )
  expect(digestByHand(vector)).toBe(vector.digest)
  expect(messageDigest(domain, name, parseMessage(name, json, name))).toBe(vector.digest)
  expect(
    `${name}(${messageTypes[name].map((field) => `${field.type} ${field.name}`).join(',')})`,
  ).toBe(vector.type)
})

test('identifiers are the ones that Solidity computes', () => {
  const ids = read('ids')
  expect(assetId(ids.asset)).toBe(ids.asset.id)
  expect(taskId(ids.task.orderDigest)).toBe(ids.task.id)
  expect([0, 1, 2].map((replica) => replicaTask(ids.replicas.task, replica))).toEqual(
    ids.replicas.ids,
  )
  expect(membersHash(ids.members.list)).toBe(ids.members.hash)
  expect(keepersHash(ids.keepers.list)).toBe(ids.keepers.hash)
  expect(sharesHash(ids.shares)).toBe(ids.shares.hash)
  expect(grantsRoot(ids.root.words)).toBe(ids.root.hash)
  const { account, cumulativeWei, hash } = ids.payoutLeaf
  expect(payoutLeaf({ account, cumulativeWei: BigInt(cumulativeWei) })).toBe(hash)
})

type DrawVector = {
  readonly blockHash: Hex
  readonly task: Hex
  readonly attempt: string
  readonly weights: readonly string[]
  readonly seed: Hex
  readonly total: string
  readonly points: readonly string[]
  readonly leaves: readonly number[]
}
const draws: readonly DrawVector[] = read('draw')

test.for(draws)('candidates of attempt $attempt fall where the pool’s tree finds them', (draw) => {
  expect(drawSeed(draw.blockHash, draw.task, Number(draw.attempt))).toBe(draw.seed)
  const pool = draw.weights.map((weight, leaf) => poolEntry(leaf + 1, BigInt(weight)))
  for (const [index, point] of draw.points.entries()) {
    const at = drawPoint(draw.seed, index, BigInt(draw.total))
    expect(at).toBe(BigInt(point))
    expect(entryAt(pool, at)).toBe(pool[draw.leaves[index]!])
  }
})

type SplitVector = Readonly<
  Record<'feeWei' | 'nodeWei' | 'keeperWei' | 'verifierWei' | 'treasuryWei', string>
> & {
  readonly pricesWei: readonly string[]
  readonly ownersWei: readonly string[]
  readonly keepers: number
  readonly verifiers: number
}
const splits: readonly SplitVector[] = read('split')

test.for(splits)('a fee of $feeWei wei is split as Settlement splits it', (split) => {
  expect(
    splitFee({
      feeWei: BigInt(split.feeWei),
      pricesWei: split.pricesWei.map(BigInt),
      keepers: split.keepers,
      verifiers: split.verifiers,
    }),
  ).toEqual({
    ownersWei: split.ownersWei.map(BigInt),
    nodeWei: BigInt(split.nodeWei),
    keeperWei: BigInt(split.keeperWei),
    verifierWei: BigInt(split.verifierWei),
    treasuryWei: BigInt(split.treasuryWei),
  })
})

function lower(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the vector lacks a field')
  if (typeof value === 'object') return value.map((item) => item.toLowerCase())
  return typeof value === 'string' && /^0x[0-9a-fA-F]{40}$/.test(value)
    ? value.toLowerCase()
    : value
}
