import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { here } from './cli.ts'
import { startNetwork, type Network } from './network.ts'

let net: Network
beforeAll(async () => {
  net = await startNetwork()
}, 240_000)
afterAll(() => {
  net?.child.kill('SIGKILL')
  net?.remove()
})

test('an app of one’s own is written, built, published, granted to, and run on sealed data', async () => {
  if (net.ready.nodes.some(({ sandbox }) => sandbox !== 'bubblewrap')) {
    console.warn('SKIPPED: bubblewrap does not run here, no app with code was run by a node')
    return
  }
  const { ask, place, write, address } = net
  for (const role of ['clinic-1', 'company', 'governance'])
    await here(['key', 'devnet', role, '--out', place(`${role}.key`)])
  await here(['key', 'recipient', '--out', place('recipient.key')])
  const project = place('cost-summary')
  await here(['app', 'init', project, '--template', 'js'])
  await here(['app', 'build', project])

  const first = await ask('app', 'publish', project)
  expect(first).toMatchObject({ listed: false, governance: address('governance'), objects: 2 })
  const listed = await ask('app', 'publish', project, '--key-file', place('governance.key'))
  expect(listed).toMatchObject({ id: first['id'], listed: true })
  const again = await ask('app', 'publish', project, '--key-file', place('governance.key'))
  expect(again).toMatchObject({ listed: true })
  expect(again).not.toHaveProperty('transaction')

  const owner = ['--key-file', place('clinic-1.key')]
  const table = write('visits.csv', 'visits,cost\n1,10\n2,20.5\n')
  const { asset } = await ask('asset', 'share', table, ...owner, '--state', place('clinic.state'))
  const grant = [
    '--asset',
    String(asset),
    '--app',
    'cost-summary',
    '--operator',
    'any',
    '--tee',
    'tdx',
    '--tee',
    'snp',
    '--tee',
    'nitro',
    '--yes',
  ]
  const terms = ['--purpose', 'costs', '--requester', address('company'), '--expires', '1d']
  await ask('grant', 'create', ...grant, ...terms, '--out', place('costs.grant'), ...owner)
  const order = { format: 'cloister-order-request/1', app: 'cost-summary', grants: ['costs.grant'] }
  write('order.json', JSON.stringify(order))
  const requester = ['--key-file', place('company.key'), '--recipient-key', place('recipient.key')]
  const { task } = await ask('order', 'place', place('order.json'), ...requester, '--deposit')
  await ask('task', 'watch', String(task), '--timeout', '90')
  const out = place('result')
  const key = ['--key', place('recipient.key'), '--out', out]
  const opened = await ask('output', 'open', String(task), ...key)
  expect(opened).toMatchObject({ metrics: { rows: 2 } })
  expect(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))).toEqual({
    total: 30.5,
    mean: 15.25,
  })
}, 240_000)
