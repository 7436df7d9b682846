import {
  arraySlot,
  mappingSlot,
  packedField,
  parseHeader,
  parseHeaderChain,
  slotHex,
  structSlot,
  verifyAccountProof,
  verifyStorageProof,
} from '@cloister/protocol'
import { RLP } from '@ethereumjs/rlp'
import * as fc from 'fast-check'
import { concatHex, keccak256, toHex, toRlp, type Address, type Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { startAnvil, type TestChain } from './anvil.ts'
import { address, word } from './examples.ts'

const holder = address(0xee)
const slots = [0n, 1n, 2n, 3n, mappingSlot(4n, word(9)), arraySlot(5n, 7n)]
const values: readonly Hex[] = [
  word(0x11),
  toHex(1, { size: 32 }),
  toHex(0x1234, { size: 32 }),
  word(0xff),
  word(0x22),
  word(0x33),
]

let chain: TestChain
let head: { height: bigint; blockHash: Hex; blockTime: bigint; stateRoot: Hex }
let headers: Hex[]
let stateRoot: Hex
let accountProof: Hex[]
let codeHash: Hex
let storageRoot: Hex
let proofs: Hex[][]
let absentAccount: Hex[]
let plainAccount: { address: Address; balance: bigint; nonce: number; proof: Hex[] }

beforeAll(async () => {
  chain = await startAnvil()
  for (const [index, slot] of slots.entries())
    await chain.store(holder, slotHex(slot), values[index]!)
  await chain.store(holder, slotHex(98n), word(0)) // Anvil keeps what becomes zero.
  const [sender] = await chain.client.getAddresses()
  for (let count = 0; count < 3; count++) {
    const hash = await chain.client.sendTransaction({
      account: sender!,
      to: address(1),
      value: 5n,
      chain: null,
    })
    await chain.client.waitForTransactionReceipt({ hash })
  }
  await chain.mine(3)

  head = await chain.head()
  stateRoot = head.stateRoot
  headers = []
  for (let back = 0n; back < 4n; back++) headers.push(await chain.header(head.height - back))
  const shown = await chain.proof(holder, [...slots, 98n, 99n].map(slotHex), head.height)
  accountProof = shown.accountProof
  proofs = shown.storageProofs.map(({ proof }) => proof)
  absentAccount = (await chain.proof(address(0x77), [], head.height)).accountProof
  const plain = await chain.client.getProof({
    address: sender!,
    storageKeys: [],
    blockNumber: head.height,
  })
  plainAccount = {
    address: sender!,
    balance: plain.balance,
    nonce: plain.nonce,
    proof: plain.accountProof,
  }
  const said = await chain.client.getProof({
    address: holder,
    storageKeys: [],
    blockNumber: head.height,
  })
  storageRoot = said.storageHash
  codeHash = said.codeHash
})

afterAll(() => chain.stop())

test('headers link from the checkpoint’s block downwards', () => {
  const chained = parseHeaderChain(head, headers)
  expect(chained.map((header) => header.number)).toEqual(
    [0n, 1n, 2n, 3n].map((back) => head.height - back),
  )
  expect(chained[0]).toMatchObject({ hash: head.blockHash, stateRoot, timestamp: head.blockTime })
})

test.for<[string, () => unknown]>([
  ['another block hash', () => parseHeaderChain({ ...head, blockHash: word(1) }, headers)],
  ['another height', () => parseHeaderChain({ ...head, height: head.height + 1n }, headers)],
  ['another time', () => parseHeaderChain({ ...head, blockTime: head.blockTime + 1n }, headers)],
  ['a gap', () => parseHeaderChain(head, [headers[0]!, headers[2]!])],
  ['no header', () => parseHeaderChain(head, [])],
  [
    'too many headers',
    () =>
      parseHeaderChain(
        head,
        Array.from({ length: 129 }, () => headers[0]!),
      ),
  ],
  ['bytes after the list', () => parseHeader(concatHex([headers[0]!, '0x00']))],
  ['a field too few', () => parseHeader(toRlp(fields(headers[0]!).slice(0, -2)))],
  ['a field of another size', () => parseHeader(toRlp(fields(headers[0]!).with(3, '0x01')))],
  ['a number with a leading zero', () => parseHeader(toRlp(fields(headers[0]!).with(8, '0x0001')))],
  ['a list inside', () => parseHeader(toRlp([['0x01']]))],
  [
    'more bytes than a header has',
    () => parseHeader(toRlp(fields(headers[0]!).with(12, toHex(new Uint8Array(4000))))),
  ],
  ['a string', () => parseHeader(toRlp('0x0102'))],
])('%s is no header chain', ([, parse]) => {
  expect(parse).toThrow('Cannot read header')
})

test('a header with any bit flipped is not the checkpoint’s block', () => {
  fc.assert(
    fc.property(fc.nat({ max: headers[0]!.length * 4 - 9 }), (bit) => {
      const bytes = Buffer.from(headers[0]!.slice(2), 'hex')
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => parseHeaderChain(head, [toHex(bytes)])).toThrow('Cannot read header')
    }),
    { numRuns: 200 },
  )
})

test('an account is proven under the state root', async () => {
  expect(await verifyAccountProof(stateRoot, holder, accountProof)).toEqual({
    nonce: 0n,
    balance: 0n,
    storageRoot,
    codeHash: keccak256('0x6001600155'),
  })
  expect(codeHash).toBe(keccak256('0x6001600155'))
  expect(
    await verifyAccountProof(stateRoot, plainAccount.address, plainAccount.proof),
  ).toMatchObject({
    nonce: BigInt(plainAccount.nonce),
    balance: plainAccount.balance,
  })
})

test('that there is no account is proven, too', async () => {
  expect(await verifyAccountProof(stateRoot, address(0x77), absentAccount)).toBeUndefined()
})

test('words are proven under the storage root, zero among them', async () => {
  for (const [index, slot] of slots.entries())
    expect(slotHex(await verifyStorageProof(storageRoot, slot, proofs[index]!))).toBe(values[index])
  expect(await verifyStorageProof(storageRoot, 98n, proofs.at(-2)!)).toBe(0n)
  expect(await verifyStorageProof(storageRoot, 99n, proofs.at(-1)!)).toBe(0n)
})

test('an account without storage has zero everywhere', async () => {
  const empty = keccak256('0x80')
  expect(await verifyStorageProof(empty, 5n, [])).toBe(0n)
  expect(await verifyStorageProof(empty, 5n, ['0x80'])).toBe(0n)
  await expect(verifyStorageProof(empty, 5n, proofs[0]!)).rejects.toThrow('empty trie')
})

test.for<[string, () => Promise<unknown>]>([
  ['an account under another root', () => verifyAccountProof(word(1), holder, accountProof)],
  ['another account', () => verifyAccountProof(stateRoot, plainAccount.address, accountProof)],
  [
    'an absent account by a present one’s nodes',
    () => verifyAccountProof(stateRoot, holder, absentAccount.slice(0, 1)),
  ],
  ['a proof cut short', () => verifyStorageProof(storageRoot, slots[0]!, proofs[0]!.slice(0, -1))],
  ['a proof of nothing', () => verifyStorageProof(storageRoot, slots[0]!, [])],
  ['a word under another root', () => verifyStorageProof(word(1), slots[0]!, proofs[0]!)],
  [
    'too many nodes',
    () =>
      verifyStorageProof(
        storageRoot,
        slots[0]!,
        Array.from({ length: 65 }, () => proofs[0]![0]!),
      ),
  ],
  [
    'a node longer than a branch',
    () => verifyStorageProof(storageRoot, slots[0]!, [toHex(new Uint8Array(1025))]),
  ],
  ['a node that is not hexadecimal', () => verifyStorageProof(storageRoot, slots[0]!, ['0xzz'])],
])('%s is not proven', async ([, verify]) => {
  await expect(verify()).rejects.toThrow(expect.objectContaining({ name: 'MalformedError' }))
})

test('no proof with one flipped bit shows another word', async () => {
  const proof = proofs[0]!
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: proof.length - 1 }), fc.nat({ max: 2000 }), async (node, at) => {
      const bytes = Buffer.from(proof[node]!.slice(2), 'hex')
      bytes[(at >> 3) % bytes.length]! ^= 1 << (at & 7)
      await expect(
        verifyStorageProof(storageRoot, slots[0]!, proof.with(node, toHex(bytes))),
      ).rejects.toThrow('Cannot read')
    }),
    { numRuns: 100 },
  )
})

const pad = (value: bigint) => value.toString(16).padStart(64, '0')

test('slots are laid out as Solidity lays them', () => {
  expect(mappingSlot(3n, address(0xab))).toBe(
    BigInt(keccak256(`0x${pad(BigInt(address(0xab)))}${pad(3n)}`)),
  )
  expect(mappingSlot(3n, 7n)).toBe(BigInt(keccak256(`0x${pad(7n)}${pad(3n)}`)))
  expect(arraySlot(3n, 2n)).toBe(BigInt(keccak256(`0x${pad(3n)}`)) + 2n)
  expect(structSlot(2n ** 256n - 1n, 2)).toBe(1n)
  expect(packedField(0x1122334455n, 1, 2)).toBe(0x3344n)
})

function fields(header: Hex): Hex[] {
  const decoded = RLP.decode(header)
  if (!Array.isArray(decoded)) throw new Error('not a list')
  return decoded.map((field) => (field instanceof Uint8Array ? toHex(field) : '0x'))
}
