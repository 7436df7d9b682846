import { createHash } from 'node:crypto'
import {
  amdMachineId,
  appraiseSnp,
  parseSnpReport,
  snpMeasurement,
  UnsupportedFormatError,
} from '@cloister/attest'
import { MalformedError, unixSeconds, type Bytes } from '@cloister/codec'
import { expect, test } from 'vitest'
import { productLineOfCpu, productLineOfName } from '../src/snp/product.ts'
import { readTcb } from '../src/snp/tcb.ts'
import { anyPolicy } from './evidence.ts'

/** A report in which each field that may be anything is something of its own. */
function sample(version: number): Bytes {
  const bytes = new Uint8Array(1184)
  const view = new DataView(bytes.buffer)
  view.setUint32(0x00, version, true)
  view.setUint32(0x04, 0x01020304, true)
  view.setBigUint64(0x08, 0x3001fn, true)
  bytes.fill(0x10, 0x10, 0x20)
  bytes.fill(0x20, 0x20, 0x30)
  view.setUint32(0x30, 3, true)
  view.setUint32(0x34, 1, true)
  bytes.set([1, 2, 3, 4, 5, 6, 7, 8], 0x38)
  view.setBigUint64(0x40, 0x8000_0000_0000_0025n, true)
  view.setUint32(0x48, 0b00111, true)
  bytes.fill(0x50, 0x50, 0x90)
  bytes.fill(0x90, 0x90, 0xc0)
  bytes.fill(0xc0, 0xc0, 0xe0)
  bytes.fill(0xe0, 0xe0, 0x110)
  bytes.fill(0x11, 0x110, 0x140)
  bytes.fill(0x14, 0x140, 0x160)
  bytes.fill(0x16, 0x160, 0x180)
  bytes.fill(0x18, 0x180, 0x188)
  if (version > 2) bytes.set([0x19, 0xa0, 0x02], 0x188)
  bytes.fill(0x1a, 0x1a0, 0x1e0)
  bytes.fill(0x1e, 0x1e0, 0x1e8)
  bytes.set([40, 55, 1, 0, 41, 56, 2, 0], 0x1e8)
  bytes.fill(0x1f, 0x1f0, 0x1f8)
  if (version > 3) view.setBigUint64(0x1f8, 0x0bn, true)
  if (version > 3) view.setBigUint64(0x200, 0x3fn, true)
  for (let index = 0; index < 48; index++) bytes[0x2a0 + index] = index + 1
  for (let index = 0; index < 48; index++) bytes[0x2e8 + index] = index + 101
  return bytes
}

test.for([2, 3, 4, 5])('every field of version %i is read where it stands', (version) => {
  const filled = (size: number, value: number): Bytes => new Uint8Array(size).fill(value)
  const report = parseSnpReport(sample(version))
  expect(report).toEqual({
    version,
    guestSvn: 0x01020304,
    policy: 0x3001fn,
    familyId: filled(16, 0x10),
    imageId: filled(16, 0x20),
    vmpl: 3,
    signatureAlgo: 1,
    currentTcb: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    platformInfo: 0x8000_0000_0000_0025n,
    authorKeyEn: true,
    maskChipKey: true,
    signingKey: 'VLEK',
    reportData: filled(64, 0x50),
    measurement: filled(48, 0x90),
    hostData: filled(32, 0xc0),
    idKeyDigest: filled(48, 0xe0),
    authorKeyDigest: filled(48, 0x11),
    reportId: filled(32, 0x14),
    reportIdMa: filled(32, 0x16),
    reportedTcb: filled(8, 0x18),
    ...(version > 2 && { cpuid: { family: 0x19, model: 0xa0, stepping: 2 } }),
    chipId: filled(64, 0x1a),
    committedTcb: filled(8, 0x1e),
    currentVersion: { major: 1, minor: 55, build: 40 },
    committedVersion: { major: 2, minor: 56, build: 41 },
    launchTcb: filled(8, 0x1f),
    ...(version > 3 && { mitigations: { launch: 0x0bn, current: 0x3fn } }),
    signed: sample(version).slice(0, 0x2a0),
    signature: Uint8Array.from({ length: 96 }, (_, index) =>
      index < 48 ? 48 - index : 148 - (index - 48),
    ),
  })
})

test.for<[string, number, number, number]>([
  ['reserved at 4Ch', 5, 0x4f, 0x4f],
  ['signer information', 5, 0x49, 0x48],
  ['reserved at 188h', 2, 0x188, 0x188],
  ['reserved at 18Bh', 3, 0x19f, 0x19f],
  ['reserved after CURRENT_MAJOR', 5, 0x1eb, 0x1eb],
  ['reserved after COMMITTED_MAJOR', 5, 0x1ef, 0x1ef],
  ['reserved before the signature', 3, 0x1f8, 0x1f8],
  ['reserved before the signature', 5, 0x208, 0x208],
  ['reserved before the signature', 5, 0x29f, 0x29f],
  ['upper bytes of signature R', 5, 0x2d0, 0x2d0],
  ['upper bytes of signature S', 5, 0x32f, 0x32f],
  ['reserved after the signature', 5, 0x330, 0x330],
  ['reserved after the signature', 5, 0x49f, 0x49f],
])('%s of version %i has to be zero', ([field, version, at, offset]) => {
  const bytes = sample(version)
  bytes[at] = 0x20
  expect(caught(bytes)).toMatchObject({ field, offset })
})

test.for<[string, number, number]>([
  ['VERSION', 0, 1],
  ['VERSION', 0, 6],
  ['SIGNATURE_ALGO', 0x34, 2],
  ['SIGNING_KEY', 0x48, 2 << 2],
])('%s of another value is not judged here', ([field, at, value]) => {
  const bytes = sample(5)
  bytes[at] = value
  const error = caught(bytes)
  expect(error).toBeInstanceOf(UnsupportedFormatError)
  expect(error).toMatchObject({ field, offset: at })
})

test('every truncation is refused with the field that ends', async () => {
  const given = { collateral: {}, anchors: [], policy: anyPolicy(), now: unixSeconds(0) }
  for (let size = 0; size < 1184; size++) {
    const report = sample(5).slice(0, size)
    expect(caught(report), `size ${size}`).toBeInstanceOf(MalformedError)
    expect(await appraiseSnp({ tee: 'sev-snp', report }, given)).toMatchObject({ reject: 'PARSE' })
  }
})

test('measurement and machine id are SHA-256 of their domains and fields', async () => {
  const sha256 = (domain: string, ...parts: readonly Bytes[]): string =>
    parts
      .reduce((hash, part) => hash.update(part), createHash('sha256').update(domain))
      .digest('hex')
  const report = parseSnpReport(sample(5))
  expect(await snpMeasurement(report)).toBe(
    sha256(
      'cloister/measurement/sev-snp/1\0',
      new Uint8Array(48).fill(0x90),
      new Uint8Array(32).fill(0xc0),
    ),
  )
  expect(await amdMachineId(report.chipId)).toBe(
    sha256('cloister/machine/1\0amd\0', new Uint8Array(64).fill(0x1a)),
  )
})

test('a TCB is read in the layout of its line', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  const early = { bootLoader: 1, tee: 2, snp: 7, microcode: 8 }
  expect(readTcb(bytes, 'Milan')).toEqual(early)
  expect(readTcb(bytes, 'Genoa')).toEqual(early)
  const late = { fmc: 1, bootLoader: 2, tee: 3, snp: 4, microcode: 8 }
  expect(readTcb(bytes, 'Turin')).toEqual(late)
})

test.for([
  [0x19, 0x00, 'Milan'],
  [0x19, 0x0f, 'Milan'],
  [0x19, 0x10, 'Genoa'],
  [0x19, 0x1f, 'Genoa'],
  [0x19, 0x20, undefined],
  [0x19, 0x9f, undefined],
  [0x19, 0xa0, 'Genoa'],
  [0x19, 0xaf, 'Genoa'],
  [0x19, 0xb0, undefined],
  [0x1a, 0x00, 'Turin'],
  [0x1a, 0x1f, 'Turin'],
  [0x1a, 0x50, undefined],
  [0x17, 0x31, undefined],
] as const)('family %i model %i is of %s', ([family, model, line]) => {
  expect(productLineOfCpu({ family, model })).toBe(line)
})

test.for([
  ['Milan', 'Milan'],
  ['Milan-B0', 'Milan'],
  ['Genoa', 'Genoa'],
  ['Siena-B1', 'Genoa'],
  ['Bergamo', 'Genoa'],
  ['Turin', 'Turin'],
  ['Milano', undefined],
  ['milan', undefined],
  ['Milan-', undefined],
  ['Milan-B', undefined],
  ['toString', undefined],
  ['', undefined],
])('product name %s is of %s', ([name, line]) => {
  expect(productLineOfName(name!)).toBe(line)
})

function caught(bytes: Bytes): unknown {
  try {
    parseSnpReport(bytes)
  } catch (error) {
    return error
  }
  return undefined
}
