import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { needlesOf, type Canary } from '../../src/leaks/canary.ts'
import { scanFolder } from '../../src/leaks/scan.ts'

const text = 'canary-text-7f3a9'
const value = 1234.56789
const canaries: readonly Canary[] = [
  { kind: 'text', owner: 'clinic', name: 'metadata', text },
  { kind: 'number', owner: 'clinic', name: 'record', value },
]
const noise = Buffer.from('some noise that is not secret ')

// One planted leak per encoding, each made here by Node's own encoders.
const f32 = Buffer.alloc(4)
f32.writeFloatLE(value)
const f32be = Buffer.alloc(4)
f32be.writeFloatBE(value)
const f64 = Buffer.alloc(8)
f64.writeDoubleLE(value)
const f64be = Buffer.alloc(8)
f64be.writeDoubleBE(value)
const base64At = (offset: number, secret: Buffer): Buffer =>
  Buffer.from(Buffer.concat([Buffer.alloc(offset, 0x5a), secret, noise]).toString('base64'))

const planted: readonly (readonly [encoding: string, canary: string, bytes: Buffer])[] = [
  ['raw text', 'metadata', Buffer.from(text)],
  ['hex', 'metadata', Buffer.from(Buffer.from(text).toString('hex'))],
  ['upper-case hex', 'metadata', Buffer.from(Buffer.from(text).toString('hex').toUpperCase())],
  ['base64 at offset 0', 'metadata', base64At(0, Buffer.from(text))],
  ['base64 at offset 1', 'metadata', base64At(1, Buffer.from(text))],
  ['base64 at offset 2', 'metadata', base64At(2, Buffer.from(text))],
  ['decimal', 'record', Buffer.from(`17.99,${value},10.38`)],
  ['f32', 'record', f32],
  ['f32 big-endian', 'record', f32be],
  ['f64', 'record', f64],
  ['f64 big-endian', 'record', f64be],
  ['f64 in base64 at offset 1', 'record', base64At(1, f64)],
  ['f32 in hex', 'record', Buffer.from(f32.toString('hex'))],
  ['inside gzip', 'metadata', gzipSync(Buffer.concat([noise, Buffer.from(text)]))],
  ['inside gzip inside gzip', 'record', gzipSync(gzipSync(f64))],
  [
    'inside a gzip that was cut off',
    'metadata',
    gzipSync(Buffer.concat([Buffer.from(text), Buffer.alloc(4096, 7)])).subarray(0, -12),
  ],
]

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-leaks-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const scan = () =>
  scanFolder(folder, needlesOf(canaries), {
    except: [join(folder, 'owner')],
    knownDigests: new Set(),
  })

test.for(planted)('a leak planted as %s is found', ([, canary, bytes]) => {
  mkdirSync(join(folder, 'node'))
  writeFileSync(join(folder, 'node', 'file.bin'), Buffer.concat([noise, bytes, noise]))
  const { leaks } = scan()
  expect(leaks.map((leak) => leak.canary)).toContain(canary)
})

test('a folder without a leak has none, and the files were read', () => {
  writeFileSync(join(folder, 'clean.bin'), Buffer.concat([noise, Buffer.from('1234.5678')]))
  expect(scan()).toEqual({ leaks: [], filesSearched: 1, filesKnown: 0 })
})

test("the owner's own folder is not searched", () => {
  mkdirSync(join(folder, 'owner'))
  writeFileSync(join(folder, 'owner', 'data.csv'), text)
  expect(scan().leaks).toEqual([])
})

test('a canary in the name of a file is found', () => {
  writeFileSync(join(folder, `${text}.csv`), 'nothing')
  expect(scan().leaks).toHaveLength(1)
})
