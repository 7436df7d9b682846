import { canonicalJson, parseJson } from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

const limits = { charactersMax: 100, depthMax: 3 }

test('canonical JSON is the example of RFC 8785 section 3.2.2', () => {
  const value = {
    numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
    literals: [null, true, false],
  }
  expect(canonicalJson(value)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  )
})

test('members are sorted by UTF-16 code units, as RFC 8785 section 3.2.3 shows', () => {
  const value = {
    '\u20ac': 'Euro',
    '\r': 'CR',
    '\ufb33': 'Dalet',
    '1': 'One',
    '\ud83d\ude00': 'Smiley',
    '\u0080': 'Control',
    '\u00f6': 'o',
  }
  expect([...canonicalJson(value).matchAll(/:"(\w+)"/g)].map(([, name]) => name)).toEqual([
    'CR',
    'One',
    'Control',
    'o',
    'Euro',
    'Smiley',
    'Dalet',
  ])
})

test('equal values give equal text, whatever the order of members', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string()), fc.jsonValue(), (value, inner) => {
      const entries = [...Object.entries(value), ['inner', [value, JSON.stringify(inner)]]] as const
      const text = canonicalJson(Object.fromEntries(entries))
      expect(canonicalJson(Object.fromEntries(entries.toReversed()))).toBe(text)
      expect(canonicalJson(parseJson(text, 'text', { charactersMax: 1e6, depthMax: 99 }))).toBe(
        text,
      )
    }),
  )
})

test('a number that is none is not written', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => canonicalJson({ value })).toThrow(RangeError)
})

test('size and depth are checked before the text is parsed', () => {
  expect(parseJson('[[["]]]]]]"]]]', 'file', limits)).toEqual([[[']]]]]]']]])
  expect(parseJson('["[[[[\\"[[["]', 'file', limits)).toEqual(['[[[["[[['])
  expect(() => parseJson('[[[[]]]]', 'file', limits)).toThrow(
    'Cannot read file at byte 3: nested deeper than 3',
  )
  expect(() => parseJson(' '.repeat(101), 'file', limits)).toThrow(
    '101 characters, at most 100 are read',
  )
  expect(() => parseJson('[', 'file', limits)).toThrow('Cannot read file at byte 0: not JSON')
})

test.for([
  '1e999',
  '[-1E+400]',
  `{"a":${'9'.repeat(310)}}`,
  `${'9'.repeat(299)}e20`,
  '{"a":[1.5e0999]}',
])('a number past what a double holds is not read: %s', (text) => {
  expect(() => parseJson(text, 'file', { charactersMax: 1000, depthMax: 3 })).toThrow(
    'Cannot read file at byte 0: a number past what a double holds',
  )
})

test('large numbers and texts that look like one are read', () => {
  expect(parseJson('[1e308, "1e999", 1e-999]', 'file', limits)).toEqual([1e308, '1e999', 0])
})

test('runs of digits just short of a large number are read, however many there are', () => {
  const text = `[${`"${'1'.repeat(299)}",`.repeat(13_000)}0]`
  const read = parseJson(text, 'file', { charactersMax: 4 * 1024 * 1024, depthMax: 3 })
  expect(read).toHaveLength(13_001)
})
