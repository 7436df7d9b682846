import { expect, test } from 'vitest'
import { parseEnclaveReport } from '../src/dcap/enclave-report.ts'
import { matchQeIdentity, parseQeIdentity } from '../src/dcap/qe-identity.ts'
import { parseSgxExtension } from '../src/dcap/sgx-extension.ts'
import { Refusal } from '../src/reject.ts'
import { der } from './certificate-writer.ts'

const identityText = (over: object = {}) =>
  JSON.stringify({
    id: 'TD_QE',
    version: 2,
    issueDate: '2024-01-01T00:00:00Z',
    nextUpdate: '2024-01-31T00:00:00Z',
    tcbEvaluationDataNumber: 5,
    miscselect: '01000000',
    miscselectMask: 'FFFF0000',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: 'AB'.repeat(32),
    isvprodid: 2,
    tcbLevels: [
      { tcb: { isvsvn: 3 }, tcbDate: '2023-01-01T00:00:00Z', tcbStatus: 'OutOfDate' },
      { tcb: { isvsvn: 6 }, tcbDate: '2024-01-01T00:00:00Z', tcbStatus: 'UpToDate' },
      { tcb: { isvsvn: 1 }, tcbDate: '2022-01-01T00:00:00Z', tcbStatus: 'Revoked' },
    ],
    ...over,
  })

/** A report of the enclave above; offsets from Intel's layout of a report body. */
function report(change: (bytes: Uint8Array<ArrayBuffer>) => void = () => {}) {
  const bytes = new Uint8Array(384)
  bytes.set([1, 0, 0xff, 0xff], 16) // MISCSELECT; the last two bytes are masked out.
  bytes.set([0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7], 48) // ATTRIBUTES, with a masked bit and XFRM.
  bytes.fill(0xab, 128, 160) // MRSIGNER
  bytes.set([2, 0], 256) // ISVPRODID
  bytes.set([7, 0], 258) // ISVSVN
  change(bytes)
  return parseEnclaveReport(bytes)
}

function match(change?: (bytes: Uint8Array<ArrayBuffer>) => void, over: object = {}): string {
  try {
    const level = matchQeIdentity(report(change), parseQeIdentity(identityText(over)), 'TD_QE')
    return level?.status ?? 'no level'
  } catch (error) {
    if (error instanceof Refusal) return `${error.reject} ${error.where.split(':')[0]}`
    throw error
  }
}

const svn = (value: number) => match((bytes) => bytes.set([value], 258))

test('the enclave that the identity describes has the level that it reaches', () => {
  expect([svn(7), svn(6), svn(5), svn(2), svn(0)]).toEqual([
    'UpToDate',
    'UpToDate',
    'OutOfDate',
    'Revoked',
    'no level',
  ])
})

test.for<[string, number, number]>([
  ['MISCSELECT', 16, 3],
  ['MISCSELECT', 17, 1],
  ['ATTRIBUTES', 48, 0x17], // The DEBUG bit.
  ['ATTRIBUTES', 55, 1],
  ['MRSIGNER', 159, 0],
  ['ISVPRODID', 257, 1],
])('another %s is another enclave', ([field, offset, value]) => {
  expect(match((bytes) => bytes.set([value], offset))).toBe(`QE_IDENTITY_MISMATCH ${field}`)
})

test('the identity of an SGX quoting enclave does not do for TDX', () => {
  expect(match(undefined, { id: 'QE' })).toBe('QE_IDENTITY_MISMATCH identity id')
})

test('a status that an enclave can not have is not read', () => {
  const tcbLevels = [{ tcb: { isvsvn: 1 }, tcbDate: '2022-01-01T00:00:00Z', tcbStatus: 'Fine' }]
  expect(() => parseQeIdentity(identityText({ tcbLevels }))).toThrow(
    'QE identity.tcbLevels[0].tcbStatus',
  )
})

const base = '2a864886f84d010d01'
const entry = (id: string, value: Uint8Array) =>
  der(0x30, der(6, Buffer.from(base + id, 'hex')), value)
const octets = (size: number, byte: number) => der(4, Buffer.alloc(size, byte))
const number = (value: number) => der(2, Buffer.from(value > 127 ? [0, value] : [value]))
const tcb = (count = 18) =>
  der(
    0x30,
    ...Array.from({ length: 16 }, (_, index) => entry(`02${hex(index + 1)}`, number(200 + index))),
    entry('0211', number(13)),
    ...(count === 18 ? [entry('0212', octets(16, 9))] : []),
  )
const five = [
  entry('01', octets(16, 1)),
  entry('02', tcb()),
  entry('03', octets(2, 0)),
  entry('04', octets(6, 0x90)),
  entry('05', der(10, Buffer.from([1]))),
]
const seven = [
  ...five,
  entry('06', octets(16, 6)),
  entry(
    '07',
    der(0x30, entry('0701', der(1, Buffer.from([255]))), entry('0703', der(1, Buffer.from([0])))),
  ),
]

function hex(value: number): string {
  return value.toString(16).padStart(2, '0')
}

const read = (entries: readonly Uint8Array[]) =>
  parseSgxExtension(new Uint8Array(der(0x30, ...entries)))

test('the SGX extension has the 5 entries of a processor or the 7 of a platform', () => {
  const processor = read(five)
  expect(processor).toMatchObject({
    ppid: '01'.repeat(16),
    cpuSvn: '09'.repeat(16),
    pceSvn: 13,
    pceId: '0000',
    fmspc: '90'.repeat(6),
    sgxType: 1,
  })
  expect(processor.svns).toEqual(Array.from({ length: 16 }, (_, index) => 200 + index))
  expect(processor.configuration).toBeUndefined()
  expect(read(seven).configuration).toEqual({ dynamicPlatform: true, smtEnabled: false })
})

test.for<[string, readonly Uint8Array[]]>([
  ['4 entries', five.slice(1)],
  ['6 entries', seven.slice(0, 6)],
  ['8 entries', [...seven, entry('08', octets(1, 0))]],
  ['one entry twice', [...five.slice(0, 4), five[0]!]],
  ['five entries, one of which is another', [...five.slice(1), entry('09', octets(16, 0))]],
  ['a TCB without CPUSVN', [five[0]!, entry('02', tcb(17)), ...five.slice(2)]],
  ['a PPID of 15 bytes', [entry('01', octets(15, 1)), ...five.slice(1)]],
])('%s are not read', ([, entries]) => {
  expect(() => read(entries)).toThrow('SGX extension')
})
