import {
  addressField,
  decimalField,
  hexBetween,
  hexField,
  integerField,
  listField,
  objectField,
  oneOf,
  orNull,
  parseField,
  textField,
} from '@cloister/protocol'
import { expect, test } from 'vitest'

const caps = { charactersMax: 10_000, depthMax: 8 }
const shape = objectField({
  format: oneOf('a/1', 'b/1'),
  rows: listField(objectField({ owner: addressField, wei: decimalField(128) }), 2),
})

test('an object is read key by key, and written back as it was', () => {
  const text = `{"format":"b/1","rows":[{"owner":"0x${'ab'.repeat(20)}","wei":"340282366920938463463374607431768211455"}]}`
  const value = parseField(shape, text, 'body', caps)
  expect(value.rows[0]?.wei).toBe(2n ** 128n - 1n)
  expect(JSON.stringify(shape.encode(value))).toBe(text)
})

test.for([
  ['a missing key', '{"format":"a/1"}', 'body.rows'],
  ['an unknown key', '{"format":"a/1","rows":[],"more":1}', 'body.more'],
  ['an inherited key', '{"format":"a/1","rows":[],"__proto__":1}', 'body.__proto__'],
  ['another format', '{"format":"c/1","rows":[]}', 'body.format'],
  ['too many entries', '{"format":"a/1","rows":[1,2,3]}', 'body.rows'],
  ['an object for a list', '{"format":"a/1","rows":{}}', 'body.rows'],
  ['a list for an object', '[]', 'body'],
  ['null', 'null', 'body'],
  ['a nested place', `{"format":"a/1","rows":[{"owner":"0x12","wei":"0"}]}`, 'body.rows[0].owner'],
])('%s is refused by name', ([, text, field]) => {
  expect(() => parseField(shape, text ?? '', 'body', caps)).toThrow(
    expect.objectContaining({ name: 'MalformedError', field }),
  )
})

test('hexadecimal is lower-case, prefixed and of its length', () => {
  expect(hexField(2).parse('0x00ff', 'x')).toBe('0x00ff')
  expect(hexBetween(0, 2).parse('0x', 'x')).toBe('0x')
  for (const bad of ['00ff', '0x00FF', '0x00f', '0x00ff00', '0xzz00', 5, null, '0X00ff'])
    expect(() => hexField(2).parse(bad, 'x')).toThrow('Cannot read x')
})

test('an address is lower-case or carries its checksum', () => {
  // Vectors of EIP-55.
  const checked = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
  expect(addressField.parse(checked.toLowerCase(), 'x')).toBe(checked)
  expect(addressField.parse(checked, 'x')).toBe(checked)
  for (const bad of [checked.replace('aA', 'AA'), checked.slice(0, -2), checked.slice(2), 1])
    expect(() => addressField.parse(bad, 'x')).toThrow('Cannot read x')
})

test('wide numbers are decimal text without sign, zeros or more digits than fit', () => {
  expect(decimalField(64).parse('18446744073709551615', 'x')).toBe(18446744073709551615n)
  for (const bad of [
    '18446744073709551616',
    '01',
    '-1',
    '1.0',
    '',
    ' 1',
    '1e3',
    '9'.repeat(5000),
    1,
  ])
    expect(() => decimalField(64).parse(bad, 'x')).toThrow('Cannot read x')
})

test('narrow numbers are whole and in range', () => {
  expect(integerField(1, 3).parse(3, 'x')).toBe(3)
  for (const bad of [0, 4, 1.5, '1', null, true])
    expect(() => integerField(1, 3).parse(bad, 'x')).toThrow('from 1 to 3')
})

test('text is bounded in bytes and well-formed', () => {
  expect(textField(4).parse('üü', 'x')).toBe('üü')
  for (const bad of ['üüü', '12345', '\ud800', 5])
    expect(() => textField(4).parse(bad, 'x')).toThrow()
  expect(() => textField(4, 1).parse('', 'x')).toThrow('1 to 4')
})

test('null stands for nothing where that is allowed, and nowhere else', () => {
  expect(orNull(integerField(0, 1)).parse(null, 'x')).toBeUndefined()
  expect(orNull(integerField(0, 1)).encode(undefined)).toBeNull()
})
