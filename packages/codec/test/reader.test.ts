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

test('numbers are big-endian where that is asked for', () => {
  const r = new Reader(
    Uint8Array.from(Buffer.from('010203040506fffe08090a0b0c0d0e0f10', 'hex')),
    'big',
  )
  expect(r.u8('a')).toBe(0x01)
  expect(r.u16('b')).toBe(0x0203)
  expect(r.u24('c')).toBe(0x040506)
  expect(r.u32('d')).toBe(0xfffe0809)
  expect(r.inside('all but a byte', 6).u16('e')).toBe(0x0a0b)
  expect(new Reader(new Uint8Array(8).fill(255), 'big').u64('f')).toBe(0xffffffffffffffffn)
  expect(new Reader(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 'big').u64('g')).toBe(
    0x0102030405060708n,
  )
})

test('three bytes are a number too', () => {
  expect(new Reader(Uint8Array.of(1, 2, 0xff)).u24('size')).toBe(0xff0201)
})

test('a nested reader stops where its part ends, and counts from the outermost byte', () => {
  const r = new Reader(Uint8Array.of(1, 2, 3, 4, 5))
  r.u8('version')
  const inner = r.inside('body', 3).inside('head', 2)
  expect([inner.offset, inner.remaining, r.offset, r.remaining]).toEqual([1, 2, 4, 1])
  expect(() => inner.u24('size')).toThrow('Cannot read size at byte 1: needs 3 bytes, 2 are left')
  expect(inner.u8('kind')).toBe(2)
  expect(() => inner.end('head')).toThrow('Cannot read head at byte 2: 1 bytes are left over')
  expect(() => r.inside('tail', 2)).toThrow('Cannot read tail at byte 4: needs 2 bytes, 1 are left')
  expect(r.u8('last')).toBe(5)
})

test('bytes are views, and what is missing or left over is named with its place', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4)
  const r = new Reader(bytes)
  const view = r.bytes('view', 3)
  bytes[0] = 9
  expect(view[0]).toBe(9)
  expect([r.offset, r.remaining]).toEqual([3, 1])
  expect(() => r.u32('size')).toThrow('Cannot read size at byte 3: needs 4 bytes, 1 are left')
  expect(() => r.u64('svn')).toThrow('Cannot read svn at byte 3: needs 8 bytes, 1 are left')
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
