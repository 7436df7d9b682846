import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

import { readJsonLine, startChild } from '@cloister/io'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { hostConfigField, startHost, type HostConfig } from '../src/index.ts'
import { people } from './home-chain.ts'
import { configOf, startEnclave, startWorld, type World } from './world.ts'

const main = new URL('../src/main.ts', import.meta.url).pathname
const flags = ['--disable-warning=ExperimentalWarning', main, '--config']
let world: World

beforeAll(async () => {
  world = await startWorld()
}, 60_000)
afterAll(() => world.stop())

function write(name: string, config: HostConfig): string {
  const file = join(world.folder, name)
  writeFileSync(file, JSON.stringify(hostConfigField.encode(config)))
  return file
}

async function run(file: string): Promise<{ readonly code: number | null; readonly said: string }> {
  const child = spawn(process.execPath, [...flags, file], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (data: Buffer) => (said += data.toString()))
  const [code]: (number | null)[] = await once(child, 'close')
  return { code: code ?? null, said }
}

async function configured(): Promise<HostConfig & { readonly close: () => void }> {
  const enclave = await startEnclave(world)
  return {
    ...configOf(world, people.operators[0], 0),
    enclaveSocket: enclave.path,
    close: enclave.close,
  }
}

test('it says that it is ready in one line of JSON, and ends as asked with code 0', async () => {
  const config = await configured()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const child = await startChild({
      name: 'host',
      command: process.execPath,
      args: [...flags, write('good.json', config)],
      env: {},
      readyMs: 20_000,
      readyLine: readJsonLine,
    })
    expect(child.ready).toMatchObject({
      ready: true,
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      operator: people.operators[0].address,
      receiptKey: expect.stringMatching(/^0x/),
      sandbox: 'bubblewrap',
    })
    process.kill(child.pid, signal)
    expect(await child.exited).toEqual({ code: 0, signal: undefined })
  }
  config.close()
})

test('it ends with code 1 when its enclave is gone', async () => {
  const config = await configured()
  const child = await startChild({
    name: 'host',
    command: process.execPath,
    args: [...flags, write('gone.json', config)],
    env: {},
    readyMs: 20_000,
    readyLine: readJsonLine,
  })
  config.close()
  expect(await child.exited).toEqual({ code: 1, signal: undefined })
})

test.for([
  ['faults in production', { production: true, insecureFaults: ['go-silent'] }, 2, /faults/],
  [
    'a chain that is down',
    { chain: { url: 'http://127.0.0.1:9', fromBlock: 0, pollMs: 100 } },
    8,
    /127\.0\.0\.1:9/,
  ],
  ['a key file that is not there', { operatorKeyFile: '/nowhere/key' }, 1, /\/nowhere\/key/],
  [
    'a deployment that is not there',
    { deploymentFile: '/nowhere/deployment.json' },
    1,
    /\/nowhere\/deployment/,
  ],
  ['a data folder that is a file', { dataFolder: '/dev/null' }, 1, /\/dev\/null/],
] as const)('with %s it says so in one line', async ([, changes, code, words]) => {
  const config = await configured()
  const { code: ended, said } = await run(write('bad.json', { ...config, ...changes }))
  config.close()
  expect(said).toMatch(words)
  expect(said.trim().split('\n')).toHaveLength(1)
  expect(ended).toBe(code)
})

test('a file that is no configuration is wrong usage, and so is none', async () => {
  const file = join(world.folder, 'none.json')
  writeFileSync(file, '{"production":true}')
  expect(await run(file)).toMatchObject({ code: 2, said: expect.stringContaining(file) })
  expect(await run('/nowhere/config.json')).toMatchObject({ code: 2 })
  const child = spawn(process.execPath, [flags[0]!, main], { stdio: 'ignore' })
  expect(await once(child, 'close')).toEqual([2, null])
})

test('a production host does not start beside an enclave without bubblewrap', async () => {
  const enclave = await startEnclave(world, 'none')
  const config = { ...configOf(world, people.operators[0], 0), enclaveSocket: enclave.path }
  await expect(startHost({ ...config, production: true })).rejects.toMatchObject({
    code: 'sandbox-missing',
  })
  const host = await startHost(config) // A development host does.
  await host.stop()
  enclave.close()
})

test('a port that is taken is named, and nothing is left behind', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const address = taken.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const config = await configured()
  const listen = { host: '127.0.0.1', port }
  await expect(startHost({ ...config, listen })).rejects.toMatchObject({
    code: 'port-taken',
    message: expect.stringContaining(String(port)),
  })
  taken.close()
  // The journal and the enclave are free again.
  const host = await startHost(config)
  await expect(startHost(config)).rejects.toMatchObject({ code: 'journal-locked' })
  await host.stop()
  config.close()
})
