import { encodeCbor, type Cbor } from '@cloister/codec'
import { expect, test } from 'vitest'
import { readRealmKey } from '../src/cca/realm-key.ts'

const coordinate = (size: number) => new Uint8Array(size).fill(3)
const coseKey = (changes: Readonly<Record<number, Cbor>>) => {
  const members = new Map<number, Cbor>([
    [1, 2],
    [-1, 2],
    [-2, coordinate(48)],
    [-3, coordinate(48)],
  ])
  for (const [key, value] of Object.entries(changes))
    if (value === 'absent') members.delete(Number(key))
    else members.set(Number(key), value)
  return encodeCbor(members)
}
const read = (encoded: Uint8Array<ArrayBuffer>) => readRealmKey(encoded, 'key')

test('a point of 97 bytes that starts with 04 is on P-384', () => {
  const encoded = new Uint8Array(97).fill(3)
  encoded[0] = 4
  expect(read(encoded)).toEqual({
    encoded,
    encoding: 'raw-uncompressed-point',
    numbers: { kind: 'ec', curve: 'P-384', point: encoded.subarray(1) },
  })
  expect(() => read(encoded.slice(0, 65))).toThrow('got a point of 65 bytes, expected 97')
})

test.for([
  [1, 'P-256', 32],
  [2, 'P-384', 48],
  [3, 'P-521', 66],
] as const)('curve %i of a COSE_Key is %s', ([id, curve, size]) => {
  const encoded = coseKey({ [-1]: id, [-2]: coordinate(size), [-3]: coordinate(size) })
  expect(read(encoded)).toEqual({
    encoded,
    encoding: 'COSE_Key',
    numbers: { kind: 'ec', curve, point: coordinate(2 * size) },
  })
})

test.for<readonly [string, Readonly<Record<number, Cbor>>]>([
  ['no type', { 1: 'absent' }],
  ['a symmetric key', { 1: 4 }],
  ['no curve', { [-1]: 'absent' }],
  ['a curve of another kind', { [-1]: 6 }],
  ['no x', { [-2]: 'absent' }],
  ['a short x', { [-2]: coordinate(47) }],
  ['a sign in place of y', { [-3]: true }],
])('a COSE_Key with %s is malformed', ([, changes]) => {
  expect(() => read(coseKey(changes))).toThrow('Cannot read key')
})
