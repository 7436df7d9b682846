import { derTags, DerReader, encodeDer, MalformedError } from '@cloister/codec'
import { expect, test } from 'vitest'

const reader = (hex: string) => new DerReader(Uint8Array.from(Buffer.from(hex, 'hex')))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('elements are read in order, with views over tag, length and content', () => {
  const r = reader('0201050403010203')
  const first = r.element('first', derTags.integer)
  expect([first.tag, hex(first.whole), hex(first.content)]).toEqual([2, '020105', '05'])
  expect([r.peek(), r.offset, r.remaining]).toEqual([4, 3, 5])
  expect(r.optional('absent', derTags.boolean)).toBeUndefined()
  expect(hex(r.octets('second'))).toBe('010203')
  expect(r.peek()).toBeUndefined()
  r.end('all')
})

test('a nested reader stops where its element ends, and counts from the outermost byte', () => {
  const r = reader('30030201050201ff')
  const inner = r.inside('outer')
  expect(inner.unsigned('five')).toBe(5)
  expect(() => inner.any('nothing')).toThrow('Cannot read nothing at byte 5: ends inside')
  expect(() => r.unsigned('minus one')).toThrow(
    'Cannot read minus one at byte 5: got a negative number',
  )
})

test('long lengths are read where they are needed', () => {
  const content = 'ab'.repeat(200)
  expect(hex(reader(`0481c8${content}`).octets('long'))).toBe(content)
  expect(reader(`04820100${'00'.repeat(256)}`).octets('longer')).toHaveLength(256)
})

test.for([
  ['an indefinite length', '30800201050000'],
  ['a long form below 128', '04810100'],
  ['a leading zero in a length', '0482000100'],
  ['a length of five bytes', '04850000000001'],
  ['a length past the end', '0405010203'],
  ['a length that ends', '0482ff'],
  ['a tag that ends', '04'],
  ['a tag of several bytes', '1f810100'],
] as const)('%s is not DER', ([, bytes]) => {
  expect(() => reader(bytes).any('element')).toThrow(MalformedError)
})

test.for([
  ['00', 0],
  ['7f', 127],
  ['0080', 128],
  ['00ffffffffff', 0xffffffffff],
  ['7fffffffffff', 0x7fffffffffff],
] as const)('the integer %s is %d', ([content, value]) => {
  const size = (content.length / 2).toString(16).padStart(2, '0')
  expect(reader(`02${size}${content}`).unsigned('number')).toBe(value)
})

test.for(['0200', '02020001', '0202ff80', '020180', '02080011223344556677'])(
  'the integer %s is refused',
  (bytes) => {
    expect(() => reader(bytes).unsigned('number')).toThrow('Cannot read number at byte 0')
  },
)

test('a boolean is 00 or ff', () => {
  expect([reader('0101ff').boolean('b'), reader('010100').boolean('b')]).toEqual([true, false])
  for (const bytes of ['010101', '0100', '0102ffff', '0201ff'])
    expect(() => reader(bytes).boolean('b')).toThrow('Cannot read b at byte 0')
})

test('a bit string says how many bits are unused, and they are zero', () => {
  expect(reader('03020780').bits('bits')).toEqual({ bytes: Uint8Array.of(0x80), unused: 7 })
  expect(reader('030100').bits('none')).toEqual({ bytes: new Uint8Array(0), unused: 0 })
  for (const bytes of ['0300', '03020881', '03020781', '030101'])
    expect(() => reader(bytes).bits('bits')).toThrow('Cannot read bits at byte 0')
})

test.for([
  ['2a864886f84d010d01', '1.2.840.113741.1.13.1'],
  ['550403', '2.5.4.3'],
  ['8837', '2.999'],
  ['2a', '1.2'],
] as const)('the object identifier %s is %s', ([content, dotted]) => {
  const size = (content.length / 2).toString(16).padStart(2, '0')
  expect(reader(`06${size}${content}`).objectId('id')).toBe(dotted)
})

test.for(['0600', '060155ff', '060180', '06032a8001', '0602aa80', '06092affffffffffffff7f'])(
  'the object identifier %s is refused',
  (bytes) => {
    const r = reader(bytes)
    expect(() => {
      r.objectId('id')
      r.end('id')
    }).toThrow('Cannot read id')
  },
)

const time = (tag: string, text: string) =>
  reader(
    `${tag}${text.length.toString(16).padStart(2, '0')}${Buffer.from(text).toString('hex')}`,
  ).time('time')

test('times are read in the two forms of RFC 5280', () => {
  expect(time('17', '180521104510Z')).toBe(1_526_899_510)
  expect(time('17', '491231235959Z')).toBe(2_524_607_999)
  expect(time('18', '20500101000000Z')).toBe(2_524_608_000)
  expect(time('17', '700101000000Z')).toBe(0)
})

test.for([
  ['17', '1805211045Z'],
  ['17', '180521104510+0000'],
  ['17', '180231104510Z'],
  ['17', '181321104510Z'],
  ['17', '500101000000Z'],
  ['18', '20180521104510'],
  ['18', '20180521104510.5Z'],
  ['18', '180521104510Z'],
  ['04', '180521104510Z'],
  ['18', '20180521246000Z'],
] as const)('the time %s %s is refused', ([tag, text]) => {
  expect(() => time(tag, text)).toThrow('Cannot read time at byte 0')
})

test('what is left over is named', () => {
  const r = reader('05000500')
  r.any('null')
  expect(() => r.end('document')).toThrow('Cannot read document at byte 2: 2 bytes are left over')
  expect(() => r.element('number', derTags.integer)).toThrow('got tag 05, expected tag 02')
})

test('lengths are written in one octet below 128, and above in as few as can be', () => {
  const start = (size: number) => hex(encodeDer(4, new Uint8Array(size)).subarray(0, 5))
  expect(hex(encodeDer(5))).toBe('0500')
  expect(start(127)).toBe('047f000000')
  expect(start(128)).toBe('0481800000')
  expect(start(256)).toBe('0482010000')
  expect(start(65_536)).toBe('0483010000')
  expect(hex(encodeDer(0x30, Uint8Array.of(5, 0), Uint8Array.of(1, 1, 255)))).toBe('300505000101ff')
})
