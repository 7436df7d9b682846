import { encodeUtf8, MalformedError } from '@cloister/codec'
import { expect, test } from 'vitest'
import { parseCsv, type CsvFormat } from '@cloister/learn'

const labelled: CsvFormat = { header: false, features: 2, classes: ['no', 'yes'] }
const bare: CsvFormat = { header: false, features: 2, classes: undefined }
const titled: CsvFormat = { header: true, features: 2, classes: ['no', 'yes'] }

test.for([
  ['1,2,no\n-3.5,4e2,yes\n', labelled],
  ['1,2,no\r\n-3.5,+4E+2,yes\r\n', labelled],
  ['1,2,no\n-3.5,400,yes', labelled],
  ['radius,area,class\n1,2,no\n-3.5,.4e3,yes', titled],
] as const)('table %# is read', ([text, format]) => {
  expect(parseCsv(encodeUtf8(text), format)).toEqual({
    features: 2,
    rows: 2,
    values: Float64Array.of(1, 2, -3.5, 400),
    labels: Int32Array.of(0, 1),
  })
})

test('rows without labels have none', () => {
  expect(parseCsv(encodeUtf8('1,2\n'), bare).labels).toBeUndefined()
})

const column: CsvFormat = { header: false, features: 1, classes: undefined }

test.for([
  ['1\n\n2\n', column, 'CSV line 2', 2],
  ['', labelled, 'CSV', 0],
  ['1,2,no\n\n', labelled, 'CSV line 2', 7],
  ['1,2\n', labelled, 'CSV line 1', 0],
  ['1,2,no\n1,2,no,no\n', labelled, 'CSV line 2', 7],
  ['1,2,no\n1,x,no\n', labelled, 'CSV line 2, column 2', 9],
  ['1,2,maybe\n', labelled, 'CSV line 1, column 3', 4],
  ['1, 2,no\n', labelled, 'CSV line 1, column 2', 2],
  ['1,"2",no\n', labelled, 'CSV line 1, column 2', 2],
  ['1,,no\n', labelled, 'CSV line 1, column 2', 2],
  ['1,NaN,no\n', labelled, 'CSV line 1, column 2', 2],
  ['1,Infinity,no\n', labelled, 'CSV line 1, column 2', 2],
  ['1,0x10,no\n', labelled, 'CSV line 1, column 2', 2],
  ['1,1.1e30,no\n', labelled, 'CSV line 1, column 2', 2],
  ['1,-1e999,no\n', labelled, 'CSV line 1, column 2', 2],
  [`1,${'1'.repeat(65)},no\n`, labelled, 'CSV line 1, column 2', 2],
  ['1'.repeat(1000), labelled, 'CSV line 1', 0],
  ['a,a,class\n1,2,no\n', titled, 'CSV line 1, column 2', 0],
  ['a,b\n1,2,no\n', titled, 'CSV line 1', 0],
  ['a,b,class\n', titled, 'CSV', 10],
  ['a,b,class\n1,?,no\n', titled, 'CSV line 2, column 2', 12],
] as const)('table %# is refused at %s', ([text, format, field, offset]) => {
  try {
    parseCsv(encodeUtf8(text), format)
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    expect([error.field, error.offset]).toEqual([field, offset])
    return
  }
  expect.unreachable()
})

test('bytes that are not UTF-8 are refused', () => {
  expect(() => parseCsv(Uint8Array.of(0x31, 0xff), bare)).toThrow('not UTF-8')
})

test('too many rows are refused before they are held', () => {
  const one = { header: false, features: 1, classes: undefined }
  const text = encodeUtf8('1\n'.repeat(1_000_001))
  expect(() => parseCsv(text, one)).toThrow('more than 1000000 rows')
})

test('no message repeats what a cell holds', () => {
  for (const text of ['canary7319,1,no\n', '1,2,canary7319\n', '1,2,no,canary7319\n'])
    expect(() => parseCsv(encodeUtf8(text), labelled)).not.toThrow('7319')
})
