import { createHash } from 'node:crypto'

import {
  appId,
  assetId,
  attemptNonce,
  digestOf,
  grantsRoot,
  keepersHash,
  machineId,
  membersHash,
  releasesRoot,
  reportData,
  sharesHash,
  sortAddresses,
  taskId,
  tdxMeasurement,
} from '@cloister/protocol'
import { keccak256, stringToHex, toHex, type Hex } from 'viem'
import { expect, test } from 'vitest'

import { address, domain, word } from './examples.ts'

// Written out by hand: 32-byte words, one after another, as Solidity's abi.encode lays them out.
const words = (...items: readonly (Hex | number)[]): Hex =>
  `0x${items.map((item) => (typeof item === 'number' ? item.toString(16) : item.slice(2)).padStart(64, '0')).join('')}`
const tag = (text: string) => keccak256(stringToHex(text))
const sha256 = (...parts: readonly (string | Uint8Array)[]): Hex => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return `0x${hash.digest('hex')}`
}

test('an asset is named by deployment, owner, root and salt', () => {
  expect(assetId({ deployment: word(1), owner: address(2), root: word(3), salt: word(4) })).toBe(
    keccak256(words(tag('cloister/asset/1'), word(1), address(2), word(3), word(4))),
  )
})

test('a task is named by its order', () => {
  expect(taskId(word(9))).toBe(keccak256(words(tag('cloister/task/1'), word(9))))
})

test('an app is named by its manifest, however its keys are ordered', () => {
  const wanted = sha256('cloister/app/1\0', '{"a":[1,"x"],"b":{"c":true}}')
  expect(appId({ b: { c: true }, a: [1, 'x'] })).toBe(wanted)
})

test('a machine is named by vendor and hardware id', () => {
  const chip = Uint8Array.of(1, 2, 3)
  expect(machineId('intel', chip)).toBe(sha256('cloister/machine/1\0intel\0', chip))
})

const register = (byte: number): Hex => toHex(new Uint8Array(48).fill(byte))

test('a TD is measured by MRTD and RTMR0 to RTMR3', () => {
  expect(
    tdxMeasurement({
      mrtd: register(1),
      rtmrs: [register(2), register(3), register(4), register(5)],
    }),
  ).toBe(
    sha256(
      'cloister/measurement/tdx/1\0',
      ...[1, 2, 3, 4, 5].map((byte) => new Uint8Array(48).fill(byte)),
    ),
  )
  expect(() =>
    tdxMeasurement({ mrtd: '0x00', rtmrs: [register(2), register(3), register(4), register(5)] }),
  ).toThrow('1 bytes, expected 48')
})

test('roots are packed words, in their order', () => {
  expect(grantsRoot([word(1), word(2)])).toBe(keccak256(words(word(1), word(2))))
  expect(grantsRoot([word(2), word(1)])).not.toBe(grantsRoot([word(1), word(2)]))
  expect(releasesRoot([])).toBe(keccak256('0x'))
})

test('an attempt’s nonce names checkpoint, task and attempt', () => {
  expect(attemptNonce(word(1), word(2), 3)).toBe(keccak256(words(word(1), word(2), 3)))
})

test('a committee’s hash is that of its sorted members', () => {
  const wanted = keccak256(words(32, 2, address(1), address(2)))
  expect(membersHash([address(1), address(2)])).toBe(wanted)
  expect(membersHash([address(2), address(1), address(2)])).toBe(wanted)
})

test('entries of a packed array of addresses are 32 bytes each, as Solidity packs them', () => {
  expect(keepersHash([address(2), address(1)])).toBe(keccak256(words(address(1), address(2))))
  // One for each release: who released twice stands there twice.
  expect(keepersHash([address(2), address(1), address(2)])).toBe(
    keccak256(words(address(1), address(2), address(2))),
  )
})

test('an asset’s shares are one word', () => {
  expect(
    sharesHash({
      commitments: [word(1), word(2), word(3)],
      operators: [address(4), address(5), address(6)],
      threshold: 2,
    }),
  ).toBe(keccak256(words(word(1), word(2), word(3), address(4), address(5), address(6), 2)))
})

test('addresses are sorted as numbers, whatever the case of their letters', () => {
  const low = '0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
  const high = '0xBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB'
  expect(sortAddresses([high, low, '0xAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'])).toEqual([
    low,
    high,
  ])
})

test('a digest is the SHA-256 of bytes', () => {
  expect(digestOf(new Uint8Array(0))).toBe(
    '0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  )
})

test('report data is the binding’s digest and 32 zero bytes', () => {
  const separator = keccak256(
    words(
      tag('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
      tag('Cloister'),
      tag('1'),
      31337,
      address(0x11),
    ),
  )
  const type = tag(
    'KeepBinding(address receiptKey,bytes32 shareKeyHash,bytes32 ownerNonce,bytes32 asset)',
  )
  const struct = keccak256(words(type, address(1), word(2), word(3), word(4)))
  const digest = keccak256(`0x1901${separator.slice(2)}${struct.slice(2)}`)
  const data = reportData(domain, 'KeepBinding', {
    receiptKey: address(1),
    shareKeyHash: word(2),
    ownerNonce: word(3),
    asset: word(4),
  })
  expect(toHex(data)).toBe(`${digest}${'00'.repeat(32)}`)
})
