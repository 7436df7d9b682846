import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { strictPolicy } from '@cloister/attest'
import { afterAll, expect, test } from 'vitest'

import { readPolicy } from '../src/evidence-policy.ts'
import { likeField, recordField, texts } from '../src/like-field.ts'

const folder = mkdtempSync(join(tmpdir(), 'cloister-cli-policy-'))
afterAll(() => rmSync(folder, { recursive: true }))

const spelled = {
  measurements: ['11'.repeat(32)],
  reportData: 'any',
  machineIds: 'any',
  minTcbEvaluationDataNumber: 17,
  minRootCrlNumber: 1,
  minPckCrlNumber: 2,
} as const

function read(members: object, reportData?: Uint8Array<ArrayBuffer>) {
  const path = join(folder, 'policy.json')
  writeFileSync(path, JSON.stringify(members))
  return readPolicy(path, reportData)
}

test('what a file leaves out is as strict as it can be, in groups too', () => {
  expect(read(spelled)).toEqual(strictPolicy(spelled))
  const chosen = {
    machineLists: [{ tier: 3, machineIds: ['22'.repeat(32)] }],
    minTier: 2,
    deniedProductLines: ['Turin', 'Genoa'],
    allowExtractableKeys: ['Milan'],
    tcbStatuses: ['UpToDate', 'OutOfDate'],
    advisories: 'any',
    allowUnknownRevocation: true,
    allowSuppliedKeys: true,
  } as const
  const tdx = { allowPks: true }
  expect(read({ ...spelled, ...chosen, tdx })).toEqual(strictPolicy({ ...spelled, ...chosen, tdx }))
})

test('a product line is read in any spelling of its name', () => {
  const { deniedProductLines } = read({
    ...spelled,
    deniedProductLines: [' genoa-B1', '00806F050000'],
  })
  expect(deniedProductLines).toEqual(['Genoa', '00806f050000'])
})

test('report data of the command line counts before that of the file', () => {
  const { reportData: _, ...rest } = spelled
  expect(read(rest, Uint8Array.of(0xab, 1)).reportData).toBe('ab01')
  expect(read(spelled, Uint8Array.of(0xab, 1)).reportData).toBe('ab01')
})

test.for<[string, object, string]>([
  ['what only the author can know', { machineIds: undefined }, 'policy.machineIds'],
  ['a member that nobody knows', { allowEverything: true }, 'policy.allowEverything'],
  ['a member of a group outside it', { allowPks: true }, 'policy.allowPks'],
  ['an unknown member of a group', { tdx: { allowPcs: true } }, 'policy.tdx.allowPcs'],
  ['another type in a group', { tdx: { allowPks: 'yes' } }, 'policy.tdx.allowPks'],
  ['a group that is no object', { tdx: [] }, 'policy.tdx'],
  ['null for a group', { tdx: null }, 'policy.tdx'],
  ['a tier past the last', { minTier: 4 }, 'policy.minTier'],
  [
    'a list of a tier that needs none',
    { machineLists: [{ tier: 1, machineIds: [] }] },
    'policy.machineLists[0].tier',
  ],
  ['any product line denied', { deniedProductLines: 'any' }, 'policy.deniedProductLines'],
  [
    'a product line that nothing is called',
    { deniedProductLines: ['Genoa', 'Milano'] },
    'policy.deniedProductLines[1]',
  ],
  ['keys of no product line', { allowExtractableKeys: ['*'] }, 'policy.allowExtractableKeys[0]'],
  ['a revoked TCB', { tcbStatuses: ['Revoked'] }, 'policy.tcbStatuses[0]'],
])('%s is refused by its place', ([, members, field]) => {
  expect(() => read({ ...spelled, ...members })).toThrow(
    expect.objectContaining({ name: 'MalformedError', field }),
  )
})

type Strict = {
  readonly allowed: boolean
  readonly least: number
  readonly levels: readonly number[]
  readonly names: readonly string[]
  readonly devices: string
  readonly note: string
  readonly least2: { readonly boot: number; readonly kernel: number }
  readonly values: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}

const strict: Strict = {
  allowed: false,
  least: 5,
  levels: [0],
  names: [],
  devices: 'any',
  note: '',
  least2: { boot: 1, kernel: 2 },
  values: {},
}
const field = likeField(strict, { values: recordField(recordField(texts)) })

test('each member is of the kind that it has in the strictest', () => {
  expect(field.parse({}, 'group')).toEqual(strict)
  const other = {
    allowed: true,
    least: 0,
    levels: [1, 2],
    names: ['a'],
    devices: ['b'],
    note: 'c',
    values: { sha256: { '0': ['ab'], '7': [] } },
  }
  expect(field.parse({ ...other, least2: { kernel: 9 } }, 'group')).toEqual({
    ...other,
    least2: { boot: 1, kernel: 9 },
  })
})

test.for<[string, object]>([
  ['group.allowed', { allowed: 1 }],
  ['group.least', { least: -1 }],
  ['group.least', { least: 0.5 }],
  ['group.levels[0]', { levels: ['0'] }],
  ['group.names', { names: 'any' }],
  ['group.names[0]', { names: [7] }],
  ['group.devices', { devices: 'all' }],
  ['group.note', { note: 7 }],
  ['group.least2.boots', { least2: { boots: 1 } }],
  ['group.least2', { least2: 7 }],
  ['group.values', { values: [] }],
  ['group.values.sha256', { values: { sha256: ['ab'] } }],
  ['group.values.sha256.0', { values: { sha256: { '0': 'ab' } } }],
  ['group.values.sha256.0[0]', { values: { sha256: { '0': [1] } } }],
])('%s is refused', ([place, members]) => {
  expect(() => field.parse(JSON.parse(JSON.stringify(members)), 'group')).toThrow(
    expect.objectContaining({ name: 'MalformedError', field: place }),
  )
})
