import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { descendantsOf, isRunning } from '@cloister/io'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { badInputs } from './bad-inputs.ts'
import { cli, here, lastJson } from './cli.ts'
import { prepareWork, readJson, startNetwork, type Network } from './network.ts'
import { withSmallDisk } from './small-disk.ts'
import { change, flip, leaves } from './tamper.ts'

// One network for everything: the real program, two chains, three nodes, four verifiers.
let net: Network
let tasks: readonly [string, string]

beforeAll(async () => {
  net = await startNetwork()
  await prepareWork(net)
  await net.ask('account', 'set-payout', '31338', '--key-file', net.place('clinic-1.key'))
  const order = async (name: string): Promise<string> => {
    const keys = [
      '--key-file',
      net.place('company.key'),
      '--recipient-key',
      net.place('recipient.key'),
    ]
    const placed = await net.ask('order', 'place', net.place(`${name}.json`), ...keys, '--deposit')
    return String(placed['task'])
  }
  const finish = async (name: string, task: string): Promise<void> => {
    await net.ask('task', 'watch', task, '--timeout', '90')
    await net.ask('receipt', 'collect', task, '--out', net.place(`${name}.receipt`))
  }
  tasks = [await order('first'), await order('second')]
  await Promise.all([finish('first', tasks[0]), finish('second', tasks[1])])
}, 240_000)

afterAll(() => {
  net?.child.kill('SIGKILL')
  net?.remove()
})

const ordering = (): readonly string[] => [
  ...['--key-file', net.place('company.key'), '--recipient-key', net.place('recipient.key')],
]

test('the readiness line has the form that docs/devnet.md gives', () => {
  expect(net.ready).toMatchObject({ ready: true, schema: 'cloister.devnet.ready/1' })
  expect(Object.keys(net.ready)).toEqual(
    expect.arrayContaining([
      'seconds',
      'deployment',
      'home',
      'spoke',
      'nodes',
      'verifiers',
      'accounts',
    ]),
  )
  expect([net.ready.nodes.length, net.ready.verifiers.length]).toEqual([3, 4])
})

test('a task can be shown, explained and paid', async () => {
  expect(await net.ask('task', 'show', tasks[0])).toMatchObject({ state: 'settled', attempt: 1 })
  const { draws } = await net.ask('task', 'explain', tasks[0])
  expect(draws).toMatchObject([{ agrees: true }])
  const { nodes } = await net.ask('node', 'list')
  expect(nodes).toHaveLength(3)
  const balance = await net.ask('account', 'balance', '--address', net.address('company'))
  expect(balance).toMatchObject({ account: net.address('company'), payoutChain: 31337 })
})

test('what was earned on a spoke is claimed there, once', async () => {
  const args = ['account', 'claim', '31338', '--key-file', net.place('clinic-1.key')]
  // Verifiers sign a payout only when they have seen the settlement themselves.
  const claim = async () => (await net.run(...args, '--json')).stdout
  await expect.poll(claim, { timeout: 30_000, interval: 500 }).toContain('cloister.account.claim/1')
  expect((await net.run(...args)).code).toBe(3)
})

test('an output is opened whole, by its key alone, and into a new folder alone', async () => {
  const [task] = tasks
  const out = net.place('result')
  const opened = await net.ask(
    'output',
    'open',
    task,
    '--key',
    net.place('recipient.key'),
    '--out',
    out,
  )
  expect(opened).toMatchObject({ task, attempt: 1, metrics: { accuracy: 1 } })
  expect(readdirSync(out)).toEqual(['model.onnx'])
  expect(statSync(join(out, 'model.onnx')).mode & 0o777).toBe(0o600)
  const again = await net.run(
    'output',
    'open',
    task,
    '--key',
    net.place('recipient.key'),
    '--out',
    out,
  )
  expect(again.code).toBe(2)
})

test('an owner can go back to the plaintext', async () => {
  const state = readJson(net.place('clinic-1.state'))
  const sealed = net.place('rows.sealed')
  await net.ask('asset', 'fetch', String(state['root']), '--out', sealed)
  const args = [
    'asset',
    'open',
    sealed,
    '--state',
    net.place('clinic-1.state'),
    '--out',
    net.place('rows.back'),
  ]
  await net.ask(...args)
  expect(readFileSync(net.place('rows.back'))).toEqual(readFileSync(net.place('rows.csv')))
})

test('an interrupted asset share goes on with the same asset', async () => {
  const path = net.place('clinic-1.state')
  const state = readJson(path)
  const stopped = { ...state, acknowledgements: [Object(state['acknowledgements'])[0], null, null] }
  const resumed = net.write('resumed.state', JSON.stringify(stopped))
  const args = ['--key-file', net.place('clinic-1.key'), '--state', resumed]
  const shared = await net.ask('asset', 'share', net.place('rows.csv'), ...args)
  expect(shared['root']).toBe(state['root'])
  expect(Object(readJson(resumed)['acknowledgements'])).not.toContain(null)
})

test('an order that was placed is not paid twice', async () => {
  const ended = await net.run('order', 'place', net.place('first.json'), ...ordering())
  expect(ended).toMatchObject({ code: 0, stdout: tasks[0] })
  expect(ended.stderr).toContain('nothing was paid')
})

test.for(badInputs)('%s is said clearly', async ([, args, code, said]) => {
  const command = args({ net, tasks, ordering: ordering() })
  const before = readdirSync(net.folder).filter((name) => !name.endsWith('.prepared'))
  const ended = await net.run(...command, '--json')
  expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(said)])
  expect(lastJson(ended)).toMatchObject({ error: { message: expect.stringMatching(said) } })
  expect(ended.stdout.split('\n')).toHaveLength(1)
  expect(readdirSync(net.folder).filter((name) => !name.endsWith('.prepared'))).toEqual(before)
})

test('truncated and swapped ciphertext does not open, and leaves nothing', async () => {
  const [first, second] = [net.place('first.sealed'), net.place('second.sealed')]
  await net.ask('output', 'fetch', tasks[0], '--out', first)
  await net.ask('output', 'fetch', tasks[1], '--out', second)
  const open = (sealed: string) =>
    here([
      ...['output', 'open', tasks[0], '--key', net.place('recipient.key')],
      ...['--out', net.place('opened'), '--sealed', sealed, '--json'],
    ])
  const bytes = readFileSync(first)
  const headerBytes = 4 + bytes.readUInt32BE(0)
  const other = readFileSync(second)
  const otherBody = other.subarray(4 + other.readUInt32BE(0))
  const spoil = (name: string, content: Buffer): string => {
    writeFileSync(net.place(name), content)
    return net.place(name)
  }
  expect((await open(spoil('cut', bytes.subarray(0, -1)))).code).toBe(6)
  expect((await open(spoil('longer', Buffer.concat([bytes, Buffer.of(0)])))).code).toBe(6)
  const mixed = Buffer.concat([bytes.subarray(0, headerBytes), otherBody])
  expect((await open(spoil('mixed', mixed))).code).toBe(6)
  const swapped = await open(second)
  expect([swapped.code, swapped.stderr]).toEqual([2, expect.stringContaining('header.task')])
  const stub = await open(spoil('stub', bytes.subarray(0, 3)))
  expect([stub.code, stub.stderr]).toEqual([2, expect.stringContaining('output header length')])
  expect(existsSync(net.place('opened'))).toBe(false)

  const asset = async (content: Buffer) =>
    net.run(
      ...['asset', 'open', spoil('asset', content), '--state', net.place('clinic-1.state')],
      ...['--out', net.place('plain')],
    )
  const rows = readFileSync(net.place('rows.sealed'))
  expect((await asset(rows.subarray(0, -1))).code).toBe(6)
  expect((await asset(otherBody)).code).toBe(6)
  expect(existsSync(net.place('plain'))).toBe(false)
})

test('a full disk is said, and no part of a file stays', async ({ skip }) => {
  const mounted = await withSmallDisk(64, async (disk) => {
    const out = join(disk, 'receipt.json')
    const ended = await net.run('receipt', 'collect', tasks[0], '--out', out, '--json')
    expect(ended.code).toBe(1)
    expect(lastJson(ended)).toMatchObject({ error: { code: 'disk-full' } })
    expect(readdirSync(disk)).toEqual([])
  })
  skip(!mounted, 'mounting a tmpfs needs root')
  await withSmallDisk(600, async (disk) => {
    const ended = await cli(['devnet', 'up', '--dir', join(disk, 'net')])
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('no space is left on the disk')
  })
})

test('a chain that does not answer exits 8', async () => {
  const port = await unusedPort()
  const manifest = readJson(net.ready.deployment)
  const moved = change(manifest, ['home', 'rpcUrl'], () => `http://127.0.0.1:${port}`)
  const deployment = net.write('moved.json', JSON.stringify(moved))
  for (const args of [
    ['node', 'list'],
    ['task', 'show', tasks[0]],
  ]) {
    const ended = await here([...args, '--deployment', deployment])
    expect([ended.code, ended.stderr]).toEqual([8, expect.stringContaining(`127.0.0.1:${port}`)])
  }
})

test('a deployment file of another chain is refused', async () => {
  const manifest = readJson(net.ready.deployment)
  const { market } = Object(Object(Object(manifest['home'])['contracts']))
  const wrong = change(manifest, ['home', 'contracts', 'ledger'], () => market)
  const deployment = net.write('wrong.json', JSON.stringify(wrong))
  expect((await here(['node', 'list', '--deployment', deployment])).code).toBe(6)
})

test('a verifier whose port is taken ends with 1 and names the port', async () => {
  const path = join(net.ready.deployment, '../verifiers/1/config.json')
  const config = readJson(path)
  const taken = Number(new URL(net.ready.verifiers[0]?.url ?? '').port)
  const mine = {
    ...config,
    dataFolder: net.folder,
    listen: { host: '127.0.0.1', port: taken },
    log: { level: 'info', format: 'human', path: null },
  }
  const ended = await cli([
    'verifier',
    'run',
    '--config',
    net.write('verifier.json', JSON.stringify(mine)),
  ])
  expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining(String(taken))])
})

// ---- Receipt files.

const verify = (file: string) =>
  here(['receipt', 'verify', file, '--deployment', net.ready.deployment, '--json'])

test('receipts of real tasks are proved', async () => {
  for (const name of ['first', 'second']) {
    const ended = await verify(net.place(`${name}.receipt`))
    expect([ended.code, ended.stderr]).toEqual([0, ''])
    expect(lastJson(ended)).toMatchObject({ proved: true })
  }
})

test.skipIf(!canUnshare())(
  'a receipt is proved where there is no network (needs root)',
  async () => {
    const args = [
      'receipt',
      'verify',
      net.place('first.receipt'),
      '--deployment',
      net.ready.deployment,
    ]
    const ended = await cli(args, { under: ['unshare', '-n'] })
    expect([ended.code, ended.stderr]).toEqual([0, ''])
    expect(ended.stdout).toMatch(/All 24 facts are proved\.$/m)
    expect(ended.stdout).not.toContain('NOT PROVED')
  },
)

test('each of 20 changed values, from all over a receipt, is found', async () => {
  const file = readJson(net.place('first.receipt'))
  // Single values, and from every larger section two.
  const chosen = Object.keys(file).flatMap((section) => {
    const own = leaves(file).filter(([top]) => top === section)
    const places = own.length > 1 ? [0.2, 0.7] : [0]
    return places.flatMap((place) => own.slice(Math.floor(own.length * place)).slice(0, 1))
  })
  expect(new Set(chosen.map((path) => path.join('.'))).size).toBe(20)
  for (const path of chosen) {
    const tampered = net.write('tampered', JSON.stringify(change(file, path, flip)))
    const { code } = await verify(tampered)
    expect([path.join('.'), code === 6 || code === 2]).toEqual([path.join('.'), true])
  }
})

test('a change that stays well formed exits 6, and the fact that fails is named', async () => {
  const file = readJson(net.place('first.receipt'))
  const tampered = net.write(
    'tampered',
    JSON.stringify(change(file, ['receipt', 'outputDigest'], flip)),
  )
  const args = ['receipt', 'verify', tampered, '--deployment', net.ready.deployment]
  const ended = await cli(args)
  expect(ended.code).toBe(6)
  expect(ended.stdout).toMatch(/^NOT PROVED receipt /m)
  expect(ended.stdout).toMatch(/facts are NOT PROVED: .*receipt, signature/m)
})

test('no section can be taken out, and none swapped in from another valid receipt', async () => {
  const file = readJson(net.place('first.receipt'))
  const other = readJson(net.place('second.receipt'))
  const same = Object.keys(file).filter(
    (key) => JSON.stringify(file[key]) === JSON.stringify(other[key]),
  )
  // The same assets in the same deployment: these are equal in truth.
  expect(same.toSorted()).toEqual(['deployment', 'format', 'handovers', 'shares'])
  for (const key of Object.keys(file)) {
    const { [key]: _, ...rest } = file
    const cut = await verify(net.write('tampered', JSON.stringify(rest)))
    expect([key, cut.code]).toEqual([key, 2])
    if (same.includes(key)) continue
    const swapped = await verify(
      net.write('tampered', JSON.stringify({ ...file, [key]: other[key] })),
    )
    expect([key, swapped.code]).toEqual([key, 6])
  }
})

test('a receipt of another network is not proved', async () => {
  const manifest = readJson(net.ready.deployment)
  const anchors = [{ kind: 'insecure-devnet', spkiSha256: `0x${'11'.repeat(32)}` }]
  const deployment = net.write('other-anchor.json', JSON.stringify({ ...manifest, anchors }))
  const args = ['receipt', 'verify', net.place('first.receipt'), '--deployment', deployment]
  const ended = await here(args)
  expect(ended.code).toBe(6)
  expect(ended.stdout).toMatch(/^NOT PROVED evidence /m)
})

// ---- The end. Last, because nothing is left after it.

test('Ctrl-C leaves no process, no socket and no folder', async () => {
  const { child, ready, temporary } = net
  const children = descendantsOf(child.pid ?? 0)
  expect(children.length).toBeGreaterThan(10)
  const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
  child.kill('SIGINT')
  expect(await ended).toBe(130)
  expect(children.filter(isRunning)).toEqual([])
  const left = readdirSync(temporary)
  expect(left).toEqual([])
  const urls = [...ready.nodes, ...ready.verifiers].map(({ url }) => url)
  for (const url of [...urls, ready.home.rpcUrl])
    await expect(fetch(url)).rejects.toThrow('fetch failed')
})

function unusedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

function canUnshare(): boolean {
  try {
    execFileSync('unshare', ['-n', 'true'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}
