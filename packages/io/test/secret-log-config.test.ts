import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { integerField, objectField, textField } from '@cloister/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'

import {
  accountOf,
  createKeyFile,
  createLog,
  openLogFile,
  readConfig,
  readKeyFile,
  Secret,
} from '../src/index.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-files-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a secret shows itself to nobody who does not say expose', () => {
  const secret = new Secret('swordfish')
  const shown = [
    String(secret),
    ['', secret].join(''),
    JSON.stringify({ secret }),
    inspect({ secret }, { depth: 9, showHidden: true }),
    JSON.stringify(Object.entries(secret)),
    inspect(structuredClone(secret)),
  ]
  expect(shown.join()).not.toContain('swordfish')
  expect(secret.expose()).toBe('swordfish')
})

test('a log writes levels, fields and errors, cuts what is long, and prints no object', () => {
  const lines: string[] = []
  const log = createLog({
    level: 'info',
    format: 'json',
    write: (line) => lines.push(line),
    now: () => new Date(0),
  })
  log.debug('not this')
  const wei = 10n ** 20n
  log
    .with({ part: 'host' })
    .warn('look', { wei, error: new Error('outer', { cause: new Error('inner') }) })
  // Past the types, as a careless caller in JavaScript could.
  Reflect.apply(log.info, undefined, [
    'careless',
    { key: { nested: new Secret('swordfish'), raw: 'swordfish' } },
  ])
  log.info('x'.repeat(10_000))
  expect(JSON.parse(lines[0]!)).toEqual({
    time: '1970-01-01T00:00:00.000Z',
    level: 'warn',
    message: 'look',
    part: 'host',
    wei: '100000000000000000000',
    error: 'outer <- inner',
  })
  expect(lines[1]).not.toContain('swordfish')
  expect(lines[2]!.length).toBeLessThan(2_200)
  expect(lines).toHaveLength(3)
})

test('one line stays one line for people too, and a log file is for its owner only', () => {
  const path = join(folder, 'log')
  const { write, close } = openLogFile(path)
  createLog({ level: 'info', format: 'human', write, now: () => new Date(0) }).info('hello', {
    text: 'a\nb',
  })
  close()
  expect(readFileSync(path, 'utf8')).toBe('00:00:00.000 info  hello text="a\\nb"\n')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(() => openLogFile(join(folder, 'none', 'log'))).toThrow(/none\/log/)
})

const field = objectField({ name: textField(10), port: integerField(0, 65_535) })

test('a configuration is read strictly, with defaults for what it leaves out', () => {
  const path = join(folder, 'config.json')
  writeFileSync(path, '{"name":"a"}')
  expect(readConfig(path, field, { port: 80 })).toEqual({ name: 'a', port: 80 })
})

test.for([
  ['{"name":"a","port":80,"prot":1}', /config\.json: Cannot read prot at byte 0: unknown field/],
  ['{"name":"a"}', /port.*missing/],
  ['{"name":"a","port":70000}', /port.*0 to 65535/],
  ['{"name":"a",', /not JSON/],
  ['[]', /expected an object/],
] as const)('the configuration %s is refused', ([text, message]) => {
  const path = join(folder, 'config.json')
  writeFileSync(path, text)
  expect(() => readConfig(path, field)).toThrow(
    expect.objectContaining({ code: 'config-malformed' }),
  )
  expect(() => readConfig(path, field)).toThrow(message)
})

test('a configuration that is not there is named', () => {
  expect(() => readConfig(join(folder, 'none.json'), field)).toThrow(
    expect.objectContaining({
      code: 'config-unreadable',
      message: expect.stringContaining('none.json'),
    }),
  )
})

test('a key file is made once, for its owner only, and gives the same account again', () => {
  const path = join(folder, 'key')
  const made = accountOf(createKeyFile(path)).address
  expect(accountOf(readKeyFile(path)).address).toBe(made)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(() => createKeyFile(path)).toThrow(expect.objectContaining({ code: 'key-file-exists' }))
})

test.for([0o644, 0o640, 0o604, 0o620])(
  'a key file of mode %o is refused, and told how to close it',
  (mode) => {
    const path = join(folder, 'key')
    createKeyFile(path)
    chmodSync(path, mode)
    expect(() => readKeyFile(path)).toThrow(
      expect.objectContaining({
        code: 'key-file-open',
        message: expect.stringContaining(`chmod 600 ${path}`),
      }),
    )
  },
)

test('what is no key is refused without being shown, and a link is not followed', () => {
  const path = join(folder, 'key')
  writeFileSync(path, '0x1234swordfish', { mode: 0o600 })
  expect(() => readKeyFile(path)).toThrow(expect.objectContaining({ code: 'key-file-malformed' }))
  expect(() => readKeyFile(path)).not.toThrow(/swordfish/)
  createKeyFile(join(folder, 'real'))
  symlinkSync(join(folder, 'real'), join(folder, 'link'))
  expect(() => readKeyFile(join(folder, 'link'))).toThrow(
    expect.objectContaining({ code: 'key-file-unusable' }),
  )
  expect(() => readKeyFile(join(folder, 'none'))).toThrow(/ENOENT/)
})
