import { assert, MalformedError, OperationError, Reader, unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'

test('numbers are little-endian', () => {
  const r = new Reader(Uint8Array.from(Buffer.from('01020304050607ff08090a0b0c0d0e', 'hex')))
  expect(r.u8('a')).toBe(0x01)
  expect(r.u16('b')).toBe(0x0302)
  expect(r.u32('c')).toBe(0x07060504)
  expect(r.u64('d')).toBe(0x0e0d0c0b0a0908ffn)
})

test('the largest numbers of each size are read exactly', () => {
  const r = new Reader(new Uint8Array(15).fill(255))
  expect([r.u8('a'), r.u16('b'), r.u32('c'), r.u64('d')]).toEqual([
    0xff,
    0xffff,
    0xffffffff,
    0xffffffffffffffffn,
  ])
  r.end('all')
})

test('bytes are views, and what is missing or left over is named with its place', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4)
  const r = new Reader(bytes)
  const view = r.bytes('view', 3)
  bytes[0] = 9
  expect(view[0]).toBe(9)
  expect([r.offset, r.remaining]).toEqual([3, 1])
  expect(() => r.u32('size')).toThrow('Cannot read size at byte 3: needs 4 bytes, 1 are left')
  expect(r.offset).toBe(3)
  expect(() => r.end('quote')).toThrow('Cannot read quote at byte 3: 1 bytes are left over')
})

test('errors carry what programs branch on', () => {
  const malformed = new MalformedError('version', 2, 'got 9')
  expect(malformed).toMatchObject({
    name: 'MalformedError',
    code: 'malformed',
    field: 'version',
    offset: 2,
  })
  const cause = new TypeError('socket')
  expect(
    new OperationError('chain-down', 'Cannot reach it', { retryable: true, cause }),
  ).toMatchObject({ code: 'chain-down', retryable: true, cause })
  expect(new OperationError('full', 'Disk is full').retryable).toBe(false)
  expect(() => assert(false, 'one is two')).toThrow('Assertion failed: one is two')
  assert(true, 'never')
})

test.for([-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])('%d is no time', (value) => {
  expect(() => unixSeconds(value)).toThrow(RangeError)
})

test('whole seconds since 1970 are a time', () => {
  expect([unixSeconds(0), unixSeconds(1_700_000_000)]).toEqual([0, 1_700_000_000])
})
