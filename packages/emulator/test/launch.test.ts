import { request } from 'node:http'
import { mkdir, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { refuseRealTee } from '../src/launch.ts'
import {
  launchGuest,
  measureTd,
  prepareGuest,
  type PrepareOptions,
  type PreparedGuest,
  type RunningGuest,
  type StartOptions,
} from '../src/index.ts'
import { machineSeed, testManufacturer, verdict } from './verifier.ts'

const manufacturer = testManufacturer()
const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1) })
const nodeBinary = process.execPath
let shared: string // Copies of the Node binary are shared by all tests.
let directory: string
let running: RunningGuest[]

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'td-cache-'))
})
afterAll(() => rm(shared, { recursive: true, force: true }))

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'td-'))
  running = []
})
afterEach(async () => {
  for (const td of running) await td.stop()
  await rm(directory, { recursive: true, force: true })
})

/** A bundle that asks its guest socket for a quote over its arguments and prints what it sees. */
const bundle = `
import { request } from 'node:http'
import { readFileSync } from 'node:fs'
const ask = (path, body) => new Promise((resolve, reject) => {
  const options = { socketPath: process.env.CLOISTER_GUEST_SOCKET, path, method: 'POST' }
  request(options, async (response) => resolve(JSON.parse(await new Response(response).text())))
    .on('error', reject).end(JSON.stringify(body))
})
const answer = await ask('/GetQuote', { report_data: process.argv[2] })
const config = JSON.parse(readFileSync(new URL('config.json', import.meta.url), 'utf8'))
console.log(JSON.stringify({ answer, config, env: process.env, execPath: process.execPath, url: import.meta.url }))
`

async function image(source: string = bundle): Promise<PrepareOptions> {
  await writeFile(join(directory, 'bundle.mjs'), source)
  return {
    machine: { tee: 'tdx', platform },
    directory: join(directory, 'td'),
    cacheDirectory: shared,
    files: [
      { name: 'bin/node', path: nodeBinary },
      { name: 'enclave.mjs', path: join(directory, 'bundle.mjs') },
    ],
    runtime: 'bin/node',
    entry: 'enclave.mjs',
    config: { genesis: 'abc' },
  }
}

async function output(
  td: RunningGuest,
): Promise<{ code: number | null; out: string; err: string }> {
  running.push(td)
  const parts = { out: '', err: '' }
  td.process.stdout?.on('data', (chunk) => (parts.out += chunk))
  td.process.stderr?.on('data', (chunk) => (parts.err += chunk))
  const code = await new Promise<number | null>((resolve) => td.process.once('close', resolve))
  return { code, ...parts }
}

const piped: StartOptions = { stdio: ['ignore', 'pipe', 'pipe'] }

test('a launched TD gets a quote over its own registers that a third party accepts', async () => {
  const options = await image()
  const td = await launchGuest({
    ...options,
    ...piped,
    args: ['c0ffee'],
    env: { CLOISTER_NAME: 'n1' },
  })
  const { code, out, err } = await output(td)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const seen = JSON.parse(out)
  const quote = new Uint8Array(Buffer.from(seen.answer.quote, 'hex'))
  expect(verdict(manufacturer, quote)).toBe('UpToDate')
  const expected = await measureTd(options)
  const at = (offset: number, size: number) =>
    Buffer.from(quote.subarray(offset, offset + size)).toString('hex')
  expect(at(184, 48)).toBe(Buffer.from(expected.mrtd).toString('hex'))
  for (const [index, register] of expected.rtmrs.entries())
    expect(at(376 + 48 * index, 48)).toBe(Buffer.from(register).toString('hex'))
  expect(at(568, 64)).toBe('c0ffee'.padEnd(128, '0'))
  expect(seen.config).toEqual({ genesis: 'abc' })
  expect(seen.execPath).toBe(join(directory, 'td/root/bin/node'))
  expect(seen.url).toContain('td/root/enclave.mjs')
  expect(Object.keys(seen.env).toSorted()).toEqual([
    'CLOISTER_GUEST_SOCKET',
    'CLOISTER_NAME',
    'LANG',
    'PATH',
    'TZ',
  ])
})

function rtmrsOf({ measurement }: PreparedGuest) {
  if (measurement.tee !== 'tdx') throw new Error('no TD was measured')
  return measurement.rtmrs
}

test('a bundle altered by a byte runs with another RTMR3', async () => {
  const honest = await prepareGuest(await image())
  const altered = await prepareGuest({
    ...(await image(`${bundle} `)),
    directory: join(directory, 'td2'),
  })
  expect(rtmrsOf(altered)[3]).not.toEqual(rtmrsOf(honest)[3])
  expect(rtmrsOf(altered).slice(0, 3)).toEqual(rtmrsOf(honest).slice(0, 3))
})

test('a source swapped after measuring does not run: the measured copy does', async () => {
  const td = await prepareGuest(await image(`console.log('measured')`))
  await writeFile(join(directory, 'bundle.mjs'), `console.log('swapped')`)
  const { out } = await output(await td.start(piped))
  expect(out).toBe('measured\n')
})

test('a copy swapped after measuring stops the start, and names the file', async () => {
  const options = await image(`console.log('measured')`)
  const td = await prepareGuest(options)
  const copy = join(options.directory, 'root/enclave.mjs')
  await unlink(copy)
  await writeFile(copy, `console.log('swapped')`)
  await expect(td.start(piped)).rejects.toMatchObject({
    code: 'guest-file-changed',
    message: expect.stringContaining('enclave.mjs'),
  })
})

test('a file added after measuring stops the start, and is named', async () => {
  const options = await image(`console.log('measured')`)
  const td = await prepareGuest(options)
  await mkdir(join(options.directory, 'root/node_modules'))
  await writeFile(join(options.directory, 'root/node_modules/planted.js'), '')
  await expect(td.start(piped)).rejects.toMatchObject({
    code: 'guest-file-changed',
    message: expect.stringContaining('node_modules/planted.js'),
  })
})

test('a TD that was killed starts again from the same measured files', async () => {
  const td = await prepareGuest(await image('setInterval(() => {}, 1000)'))
  const first = await td.start()
  running.push(first)
  const ended = new Promise((resolve) => first.process.once('exit', resolve))
  first.process.kill('SIGKILL')
  await ended
  await first.stop()
  const second = await td.start()
  running.push(second)
  expect(second.measurement).toEqual(first.measurement)
  expect(second.process.exitCode).toBe(null)
})

test('a cached copy that was tampered with is not used', async () => {
  const options = {
    ...(await image(`console.log('measured')`)),
    cacheDirectory: join(directory, 'cache'),
  }
  const { manifest } = (await prepareGuest(options)).measurement
  const digest = manifest
    .split('\n')
    .find((line) => line.endsWith(' enclave.mjs'))!
    .slice(0, 64)
  await unlink(join(directory, 'cache', digest))
  await writeFile(join(directory, 'cache', digest), `console.log('swapped')`)
  const td = await prepareGuest({ ...options, directory: join(directory, 'td2') })
  expect((await output(await td.start(piped))).out).toBe('measured\n')
})

test('a module outside the image can not be imported, though Node would find it', async () => {
  await mkdir(join(directory, 'node_modules/planted'), { recursive: true })
  await writeFile(join(directory, 'node_modules/planted/index.js'), `module.exports = 'unmeasured'`)
  const imported = `
    import { createRequire } from 'node:module'
    for (const load of [() => import('planted'), async () => createRequire(import.meta.url)('planted')])
      await load().then(() => console.log('ran'), (error) => console.log(error.message))`
  const { out } = await output(await launchGuest({ ...(await image(imported)), ...piped }))
  expect(out).not.toContain('ran')
  expect(out.match(/is not part of the measured image/g)).toHaveLength(2)
})

test('only CLOISTER_ variables reach a TD', async () => {
  const td = await prepareGuest(await image())
  for (const name of ['NODE_OPTIONS', 'LD_PRELOAD', 'NODE_PATH', 'PATH'])
    await expect(td.start({ env: { [name]: 'x' } })).rejects.toThrow(name)
})

test('a folder in use is refused', async () => {
  const options = await image()
  await prepareGuest(options)
  await expect(prepareGuest(options)).rejects.toMatchObject({ code: 'guest-directory' })
})

test('a bundle that does not start ends with its own exit code, and its socket goes with it', async () => {
  const td = await launchGuest({ ...(await image('process.exit(7)')), ...piped })
  expect((await output(td)).code).toBe(7)
  await td.stop()
  await expect(readFile(td.socketPath)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a TD is stopped, with its socket', async () => {
  const td = await launchGuest({
    ...(await image('setInterval(() => {}, 1000); console.log(1)')),
    ...piped,
  })
  await td.stop()
  expect(td.process.signalCode).toBe('SIGTERM')
  const asked = new Promise((resolve, reject) => {
    request({ socketPath: td.socketPath, path: '/Info' }, resolve).on('error', reject).end()
  })
  await expect(asked).rejects.toThrow()
})

test('the emulator refuses to start beside a real TEE unless told so by name', async () => {
  const device = join(directory, 'tdx_guest')
  await writeFile(device, '')
  expect(() => refuseRealTee(false, ['/nowhere', device])).toThrow(
    'insecureEvenThoughARealTeeIsPresent',
  )
  expect(() => refuseRealTee(true, [device])).not.toThrow()
  expect(() => refuseRealTee(false, ['/nowhere'])).not.toThrow()
})
