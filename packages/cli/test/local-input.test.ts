import {
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
  chmodSync,
  statSync,
  readFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { cli, here, lastJson } from './cli.ts'

const manifest = resolve(import.meta.dirname, '../../../apps/tabular-train/manifest.json')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (name: string, content: string): string => {
  const path = join(folder, name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

const columns = ['--features', '2', '--class', 'yes', '--class', 'no']

test('data that an app can read is described', async () => {
  const path = write('rows.csv', '1.5,2,yes\n3,4,no\n5,6,no\n')
  const args = [
    'data',
    'check',
    path,
    '--manifest',
    manifest,
    '--role',
    'data',
    ...columns,
    '--json',
  ]
  const ended = await cli(args)
  expect(ended.code).toBe(0)
  expect(lastJson(ended)).toEqual({
    schema: 'cloister.data.check/1',
    ...{ role: 'data', bytes: 24, rows: 3, features: 2, classes: ['yes 1', 'no 2'] },
  })
})

test.for<[string, string, string]>([
  ['a cell that is no number', '1,2,yes\n1,secret,no\n', 'line 2, column 2'],
  ['a missing column', '1,2,yes\n1,no\n', 'line 2'],
  ['an unknown class', '1,2,perhaps\n', 'line 1, column 3'],
  ['an empty line', '1,2,yes\n\n1,2,no\n', 'line 2'],
  ['nothing at all', '', 'no rows'],
])('CSV with %s exits 2, names the place and repeats no cell', async ([, text, place]) => {
  const path = write('rows.csv', text)
  const args = ['data', 'check', path, '--manifest', manifest, '--role', 'data', ...columns]
  const ended = await here(args)
  expect(ended.code).toBe(2)
  expect(ended.stderr).toContain(place)
  expect(ended.stderr).not.toMatch(/secret|perhaps/)
})

test.for<[string, string, string]>([
  ['no JSON', '{', 'parameters'],
  ['a missing field', '{"model":{"kind":"logistic","features":2,"classes":["a","b"]}}', 'settings'],
])('parameters with %s exit 2', async ([, text, place]) => {
  const path = write('parameters.json', text)
  const ended = await here(['data', 'check', path, '--manifest', manifest, '--role', 'parameters'])
  expect(ended.code).toBe(2)
  expect(ended.stderr).toContain(place)
})

test('a manifest with an unknown field exits 2', async () => {
  const ended = await here([
    'app',
    'id',
    write('manifest.json', '{"format":"cloister-app/2","x":1}'),
  ])
  expect(ended.code).toBe(2)
  expect(ended.stderr).toContain('manifest.')
})

test.for<[string, string, string]>([
  ['no JSON', 'hello', 'receipt file'],
  ['a missing section', '{"format":"cloister-receipt/1"}', 'receipt file.deployment'],
  ['another format', '{"format":"cloister-receipt/9"}', 'receipt file'],
])('a receipt file with %s exits 2', async ([, text, place]) => {
  const ended = await cli(['receipt', 'show', write('receipt.json', text)])
  expect(ended.code).toBe(2)
  expect(ended.stderr).toContain(place)
  expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1)
})

test('a deployment file with a wrong field exits 2 and names it', async () => {
  const path = write('deployment.json', '{"format":"cloister-deployment/1","home":{"chainId":0}}')
  const ended = await here(['app', 'list', '--deployment', path])
  expect(ended.code).toBe(2)
  expect(ended.stderr).toMatch(/deployment\.\w+/)
})

test('keys are made in files of mode 600, and never over another', async () => {
  for (const args of [
    ['key', 'account'],
    ['key', 'recipient'],
    ['key', 'devnet', 'clinic-1'],
  ]) {
    const path = join(folder, args.join('-'))
    expect((await here([...args, '--out', path])).code).toBe(0)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const before = readFileSync(path, 'utf8')
    expect((await here([...args, '--out', path])).code).toBe(2)
    expect(readFileSync(path, 'utf8')).toBe(before)
  }
  // The first account of the public mnemonic, as every development tool has it.
  const path = join(folder, 'governance')
  await here(['key', 'devnet', 'governance', '--out', path])
  expect(readFileSync(path, 'utf8').trim()).toBe(
    '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  )
  expect((await here(['key', 'devnet', 'nobody', '--out', join(folder, 'x')])).code).toBe(3)
  expect(readdirSync(folder).toSorted()).toEqual([
    'governance',
    'key-account',
    'key-devnet-clinic-1',
    'key-recipient',
  ])
})

test('a secret that others may read is not used', async () => {
  const path = join(folder, 'recipient.key')
  await here(['key', 'recipient', '--out', path])
  chmodSync(path, 0o644)
  const task = `0x${'00'.repeat(32)}`
  const out = join(folder, 'out')
  const args = ['output', 'open', task, '--key', path, '--out', out, '--sealed', '/dev/null']
  const ended = await here(args)
  expect(ended.code).toBe(2)
  expect(ended.stderr).toContain(`chmod 600 ${path}`)
})

test.for<[string, string]>([
  ['a file', 'a.json'],
  ['a folder', 'gone/a.json'],
])('%s that is missing exits 2', async ([, name]) => {
  const ended = await here(['app', 'id', join(folder, name)])
  expect(ended).toMatchObject({ code: 2, stdout: '' })
  expect(ended.stderr).toContain('there is no such file')
})

test.for(['node', 'verifier'])(
  '%s run with a configuration it cannot use exits 2',
  async (noun) => {
    const missing = await cli([noun, 'run', '--config', join(folder, 'gone')])
    expect(missing.code).toBe(2)
    const ended = await cli([noun, 'run', '--config', write('config.json', '{"frob":1}')])
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('config.json')
  },
)

test('a devnet does not take a folder that holds something else', async () => {
  write('thesis.txt', 'years of work')
  const ended = await here(['devnet', 'up', '--dir', folder, '--reset'])
  expect(ended.code).toBe(2)
  expect(ended.stderr).toContain('thesis.txt')
  expect(readdirSync(folder)).toEqual(['thesis.txt'])
})

test('a devnet in a folder that cannot be made exits 1', async () => {
  const file = write('file', '')
  const ended = await here(['devnet', 'up', '--dir', join(file, 'below')])
  expect(ended.code).toBe(1)
  expect(ended.stderr).toContain('--dir')
})
