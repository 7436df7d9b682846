import { encodePem, parsePem, parsePemBlocks } from '@cloister/codec'
import { expect, test } from 'vitest'

const limits = { blocksMax: 2, charactersMax: 400 }
const block = (body: string, end = '\n') =>
  `-----BEGIN CERTIFICATE-----${end}${body}${end}-----END CERTIFICATE-----${end}`
const parse = (text: string) => parsePem(text, 'CERTIFICATE', 'chain', limits)

test('blocks are read in order, with either line end and blank lines between', () => {
  expect(parse(`${block('AQID')}\n${block('BAU=', '\r\n')}`)).toEqual([
    Uint8Array.of(1, 2, 3),
    Uint8Array.of(4, 5),
  ])
  expect(parse(block('AQID').trimEnd())).toEqual([Uint8Array.of(1, 2, 3)])
  expect(parse('')).toEqual([])
  expect(parsePemBlocks(block('AQID\nBAUG'), 'CERTIFICATE', 'chain', limits)).toEqual(['AQIDBAUG'])
})

test('what is written is read back', () => {
  const base64 = Buffer.alloc(100, 7).toString('base64')
  const text = encodePem(base64, 'CERTIFICATE')
  expect(
    text
      .split('\n')
      .slice(1, -2)
      .map((line) => line.length),
  ).toEqual([64, 64, 8])
  expect(parsePemBlocks(text, 'CERTIFICATE', 'chain', limits)).toEqual([base64])
})

test.for([
  ['text before a block', `hello\n${block('AQID')}`],
  ['text after a block', `${block('AQID')}hello`],
  ['another label', block('AQID').replaceAll('CERTIFICATE', 'PRIVATE KEY')],
  ['no end', '-----BEGIN CERTIFICATE-----\nAQID\n'],
  ['a begin inside', `-----BEGIN CERTIFICATE-----\n${block('AQID')}`],
  ['a blank line inside', block('AQID\n\nAQID')],
  ['a space inside', block('AQ ID')],
  ['padding inside', block('AQ==\nAQID')],
  ['no padding', block('AQI')],
  ['slack that is not zero', block('AQJ=')],
  ['a line past 76 characters', block('A'.repeat(80))],
  ['a lone carriage return', block('AQID', '\r')],
  ['more blocks than allowed', block('AQID').repeat(3)],
  ['more characters than allowed', block(`${'A'.repeat(76)}\n`.repeat(6).trimEnd())],
] as const)('%s is refused', ([, text]) => {
  expect(() => parse(text)).toThrow(/^Cannot read chain at byte \d+: /)
})
