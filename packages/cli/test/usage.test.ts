import { readFileSync } from 'node:fs'

import { sdkErrorCodes } from '@cloister/sdk'
import { expect, test } from 'vitest'

import { exitCodeByError } from '../src/exit-codes.ts'
import { cli, here, lastJson } from './cli.ts'

const docs = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8')

// The table of docs/cli.md: | `code`, `code` | exit |
const documented = new Map(
  [...docs.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \| (\d+) \|$/gm)].flatMap(([, names, exit]) =>
    [...(names ?? '').matchAll(/`([a-z-]+)`/g)].map(([, name]) => [name, Number(exit)] as const),
  ),
)

test('the page lists every error code that has an exit code of its own', () => {
  expect(Object.fromEntries(documented)).toEqual(
    Object.fromEntries(Object.entries(exitCodeByError).filter(([, exit]) => exit !== 1)),
  )
})

test('every code of the SDK has an exit code', () => {
  for (const code of sdkErrorCodes) expect(exitCodeByError).toHaveProperty([code])
})

test('every command is on the page and every command takes --json', async () => {
  const nouns = [...(await here(['--help'])).stdout.matchAll(/^ {2}(\w+) {2,}\S/gm)]
  expect(nouns.length).toBeGreaterThan(13)
  for (const [, noun = ''] of nouns) {
    const verbs = [
      ...(await here([noun, '--help'])).stdout.matchAll(/^ {2}([a-z-]+) \[options\]/gm),
    ]
    expect([noun, verbs.length > 0]).toEqual([noun, true])
    for (const [, verb = ''] of verbs) {
      expect(docs).toMatch(new RegExp(`\`${noun} ${verb}[\` ]`))
      const help = (await here([noun, verb, '--help'])).stdout
      expect([noun, verb, help.includes('--json'), help.includes('Exit codes:')]).toEqual([
        ...[noun, verb, true, true],
      ])
    }
  }
})

test('help and version exit 0', async () => {
  expect(await cli(['--help'])).toMatchObject({ code: 0, stderr: '' })
  expect((await here(['--version'])).code).toBe(0)
})

test.for<[string, readonly string[], string]>([
  ['no command', [], 'a command is missing'],
  ['an unknown noun', ['frobnicate'], "unknown command 'frobnicate'"],
  ['an unknown verb', ['task', 'frobnicate'], "unknown command 'frobnicate'"],
  [
    'an unknown option',
    ['task', 'show', '0x00', '--deployment', 'x', '--frobnicate'],
    "unknown option '--frobnicate'",
  ],
  ['a missing argument', ['task', 'show', '--deployment', 'x'], 'TASK'],
  ['a missing option', ['task', 'show', '0x00'], '--deployment'],
  [
    'a malformed identifier',
    ['task', 'show', '0x00', '--deployment', 'x'],
    'got 1 bytes, expected 32',
  ],
  [
    'a malformed number',
    ['task', 'watch', `0x${'00'.repeat(32)}`, '--deployment', 'x', '--timeout', 'soon'],
    '--timeout "soon"',
  ],
  [
    'a kind of node that is none',
    ['devnet', 'up', '--nodes', 'tdx,snp,sgx'],
    '--nodes "tdx,snp,sgx"',
  ],
  ['too many nodes', ['devnet', 'up', '--nodes', '9'], 'name three or four of tdx, snp and nitro'],
])('%s exits 2 and says so', async ([, args, said]) => {
  const plain = await here(args)
  expect(plain).toMatchObject({ code: 2, stdout: '' })
  expect(plain.stderr).toContain(said)
  const json = await here([...args, '--json'])
  expect(json.code).toBe(2)
  expect(lastJson(json)).toMatchObject({ schema: 'cloister.error/1', error: { code: 'usage' } })
})

test('a private key is never taken from the command line', async () => {
  const key = `0x${'11'.repeat(32)}`
  const args = ['account', 'balance', '--deployment', '/dev/null', '--key-file', key]
  expect((await here(args)).code).toBe(2)
})
