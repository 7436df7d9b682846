import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { cli, here, lastJson } from './cli.ts'

const recorded = resolve(process.env['CLOISTER_EVIDENCE'] ?? '../shared/evidence', 'tdx')
const hasRecorded = existsSync(recorded)
if (!hasRecorded) {
  if (process.env['CLOISTER_REQUIRE']?.includes('evidence') === true)
    throw new Error(`CLOISTER_REQUIRE names evidence, and ${recorded} does not exist`)
  console.warn('SKIPPED: recorded evidence of real machines is not here (CLOISTER_EVIDENCE)')
}

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-cli-evidence-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const write = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

test.runIf(hasRecorded)('recorded evidence of a real machine is accepted at its time', async () => {
  const at = '2026-03-05T10:50:03Z'
  const sample = join(recorded, 'google-v5-202603-UpToDate')
  const args = ['evidence', 'appraise', sample, '--anchors', 'production', '--at', at, '--json']
  const accepted = await cli(args)
  expect(accepted.code).toBe(0)
  expect(lastJson(accepted)).toMatchObject({
    accepted: true,
    appraisal: { authentic: true, claims: { tcbStatus: 'UpToDate' } },
  })
  const signed: unknown = JSON.parse(readFileSync(join(sample, 'expected.json'), 'utf8'))
  const { reportData } = Object(Object(signed).fields)
  expect((await here([...args, '--report-data', reportData])).code).toBe(0)
  expect((await here([...args, '--report-data', '00'.repeat(64)])).code).toBe(6)
  const late = args.with(6, '2027-03-05T10:50:03Z')
  expect((await here(late)).code).toBe(6)
  expect((await here([...args, '--collateral', 'none'])).code).toBe(6)
  const strict = { reportData: 'any', machineIds: 'any', minRootCrlNumber: 0, minPckCrlNumber: 0 }
  const policy = { ...strict, measurements: ['00'.repeat(32)], minTcbEvaluationDataNumber: 0 }
  const other = write('policy.json', JSON.stringify(policy))
  const refused = await here([...args, '--policy', other])
  expect(refused.code).toBe(6)
  expect(refused.stdout).toContain('"code":"MEASUREMENT"')
  const lacking = write('lacking.json', JSON.stringify(strict))
  const malformed = await here([...args, '--policy', lacking])
  expect(malformed.code).toBe(2)
  expect(malformed.stderr).toContain('policy')
})

test('what is no quote is refused when judged, and malformed when shown', async () => {
  const quote = write('quote', 'x')
  const args = [quote, '--anchors', 'production', '--collateral', 'none', '--json']
  const judged = await here(['evidence', 'appraise', ...args])
  expect(judged.code).toBe(6)
  expect(lastJson(judged)).toMatchObject({ accepted: false, appraisal: { reject: 'PARSE' } })
  const shown = await cli(['evidence', 'show', quote])
  expect(shown).toMatchObject({ code: 2, stdout: '' })
  expect(shown.stderr).toMatch(/^cloister: Cannot read \w+.* at byte \d+: /)
})

test('collateral that lacks a member is named', async () => {
  const collateral = write('collateral.json', '{}')
  const quote = write('some-quote', 'x')
  const args = [
    'evidence',
    'appraise',
    quote,
    '--anchors',
    'production',
    '--collateral',
    collateral,
  ]
  const ended = await here(args)
  expect(ended.code).toBe(2)
  expect(ended.stderr).toContain('tcbInfo')
})

test.for<[string, readonly string[], string]>([
  ['anchors', ['--collateral', 'none'], '--anchors production'],
  ['collateral', ['--anchors', 'production'], '--collateral'],
])('%s have to be said', async ([, args, said]) => {
  const ended = await here(['evidence', 'appraise', write('q', 'x'), ...args])
  expect(ended.code).toBe(2)
  expect(ended.stderr).toContain(said)
})
