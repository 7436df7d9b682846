import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { here } from './cli.ts'
import { startNetwork, readJson, type Network } from './network.ts'

const rows = `${['1.0,2.0,yes', '1.5,0.5,no', '2.5,2.5,yes', '0.5,0.1,no'].join('\n')}\n`
const settings = {
  model: { kind: 'logistic', features: 2, classes: ['yes', 'no'] },
  settings: {
    ...{ epochs: 20, batchSize: 4, learningRate: 0.1, optimizer: 'adam' },
    ...{ l2: 0.01, seed: 1, standardize: true },
  },
}

let net: Network
let asset: string
let task: string
const key = (role: string): readonly string[] => ['--key-file', net.place(`${role}.key`)]

beforeAll(async () => {
  net = await startNetwork()
  for (const role of ['clinic-1', 'company'])
    await here(['key', 'devnet', role, '--out', net.place(`${role}.key`)])
  await here(['key', 'recipient', '--out', net.place('recipient.key')])
}, 240_000)

afterAll(() => {
  net?.child.kill('SIGKILL')
  net?.remove()
})

const secretsOf = (path: string): readonly Buffer[] => {
  const state = readJson(path)
  const hex = [...Object(state['secretShares']), state['secretDataKey']].map(String)
  return hex.flatMap((text) => [Buffer.from(text.slice(2), 'hex'), Buffer.from(text.slice(2))])
}

/** Files below a folder that hold any of these bytes. */
function holders(folder: string, needles: readonly Buffer[]): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size < 64 << 20)
    .filter((path) => {
      const bytes = readFileSync(path)
      return needles.some((needle) => bytes.includes(needle))
    })
}

async function order(name: string): Promise<string> {
  const file = net.write(
    `${name}.json`,
    JSON.stringify({
      ...{ format: 'cloister-order-request/1', app: 'tabular-train', attemptsMax: 1 },
      grants: ['rows.grant', 'settings.grant'],
    }),
  )
  const recipient = ['--recipient-key', net.place('recipient.key'), '--deposit']
  return String((await net.ask('order', 'place', file, ...recipient, ...key('company')))['task'])
}

test('an asset is sealed, uploaded, registered and granted', async () => {
  const [folder, state] = [net.place('sealed'), net.place('rows.state')]
  const file = net.write('rows.csv', rows)
  const owner = ['--owner', net.address('clinic-1')]
  const sealed = await here([
    ...['asset', 'seal', file, ...owner, '--state', state, '--out', folder, '--json'],
  ])
  expect(sealed.code).toBe(0)
  const uploaded = await net.ask('asset', 'upload', folder)
  expect(uploaded['stores']).toMatchObject([{ sent: 2 }, { sent: 2 }, { sent: 2 }])
  const shown = await here(['asset', 'show', folder, '--json'])
  expect(JSON.parse(shown.stdout)).toMatchObject({
    ...{ kind: 'sealed', parts: 1, data: { format: 'csv' } },
    uploads: [{ whole: true }, { whole: true }, { whole: true }],
  })
  const registered = await net.ask(
    'asset',
    'register',
    folder,
    '--state',
    state,
    ...key('clinic-1'),
  )
  asset = String(registered['asset'])
  const again = await net.ask('asset', 'register', folder, '--state', state, ...key('clinic-1'))
  expect(again).toEqual(registered)
  const share = ['asset', 'share', net.write('settings.json', JSON.stringify(settings))]
  const own = await net.ask(...share, '--state', net.place('own.state'), ...key('company'))
  const grant = (of: string, id: string, name: string, ...more: readonly string[]) =>
    net.ask(
      ...['asset', 'grant', '--asset', id, '--app', 'tabular-train', '--operator', 'any'],
      ...['--purpose', `=${name}`, '--out', net.place(`${name}.grant`), '--expires', '1d'],
      ...['--uses', '3', '--requester', net.address('company'), ...key(of), ...more],
      ...['--tee', 'tdx', '--tee', 'snp', '--tee', 'nitro', '--output-format', 'onnx'],
    )
  await grant('clinic-1', asset, 'rows', '--price', '1000000')
  await grant('company', String(own['asset']), 'settings')
}, 120_000)

test('what it earned is told from the chain, and a report of its use is exported', async () => {
  task = await order('first')
  await net.ask('task', 'watch', task, '--timeout', '120')
  const earned = await net.ask('asset', 'earnings', ...key('clinic-1'))
  expect(earned['grants']).toMatchObject([
    { asset, purpose: '=rows', tasks: 1, settled: 1, earnedWei: expect.stringMatching(/^[1-9]/) },
  ])
  const [json, csv] = [net.place('report.json'), net.place('report.csv')]
  await net.ask('asset', 'export', '--out', json, ...key('clinic-1'))
  await net.ask('asset', 'export', '--out', csv, '--format', 'csv', ...key('clinic-1'))
  const report = readJson(json)
  expect(report).toMatchObject({ format: 'cloister-uses/1', owner: net.address('clinic-1') })
  expect(report['uses']).toMatchObject([
    {
      ...{ task, asset, purpose: '=rows', requester: net.address('company'), state: 'settled' },
      ...{ attempts: '1', refusals: '0', receipt_missing: null },
      receipt_digest: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      output_bytes: expect.stringMatching(/^[1-9]\d*$/),
    },
  ])
  const [head, line, ...rest] = readFileSync(csv, 'utf8').split('\r\n')
  expect(head).toMatch(/^task,asset,owner,grant,purpose,.*,epsilon,delta,earned_wei,payout_chain$/)
  expect(line).toContain(`"${task}"`)
  expect(line).toContain(`"'=rows"`)
  expect(rest).toEqual([''])
  expect(await net.ask('asset', 'show', asset)).toMatchObject({ kind: 'asset', tasks: 1 })
}, 180_000)

test('erased, it is unreadable: keepers sign for it, no disk holds a share, a later order fails with the reason', async () => {
  const state = net.place('rows.state')
  const needles = secretsOf(state)
  expect(holders(net.folder, needles)).toEqual([state])
  const careless = await net.run('asset', 'erase', asset, '--state', state, ...key('clinic-1'))
  expect([careless.code, careless.stderr]).toEqual([2, expect.stringContaining('--yes')])
  const args = ['asset', 'erase', asset, '--yes', '--json']
  const other = await net.run(...args, ...key('company'))
  expect([other.code, other.stderr]).toEqual([6, expect.stringMatching(/it is 0x.*'s/)])
  const wrong = await net.run(...args, '--state', net.place('own.state'), ...key('clinic-1'))
  expect(wrong.code).toBe(2)
  const erased = await net.ask(
    'asset',
    'erase',
    asset,
    '--yes',
    '--state',
    state,
    ...key('clinic-1'),
  )
  expect(erased).toMatchObject({
    ...{ asset, unreadable: true, keyDeleted: true },
    keepers: Array.from({ length: 3 }, () => ({ state: 'erased', ack: { held: true } })),
    notErased: expect.stringContaining('is not erased'),
  })
  expect(existsSync(state)).toBe(false)
  expect(holders(net.folder, needles)).toEqual([])
  expect(holders(net.temporary, needles)).toEqual([])
  const next = await order('second')
  const watched = await net.run('task', 'watch', next, '--timeout', '120', '--json')
  expect(watched.stdout).toMatch(/release-refused/)
  const explained = await net.run('task', 'explain', next)
  expect(explained.stdout + explained.stderr).toMatch(/share/)
  const again = await net.ask('asset', 'erase', asset, '--yes', ...key('clinic-1'))
  expect(again).toMatchObject({ unreadable: true, keyDeleted: false })
}, 240_000)
