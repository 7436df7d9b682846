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

// Each run writes something else, as an engine does that one vendor's machine computes wrong.
const differing = `import { setMetric, writeOutput } from './cloister-app.ts'
writeOutput('summary.json', { total: Math.random() })
setMetric('rows', 1)
`

test('replicas whose outputs differ are accepted, compared, and all refunded', async () => {
  if (net.ready.nodes.some(({ sandbox }) => sandbox !== 'bubblewrap')) {
    console.warn('SKIPPED: bubblewrap does not run here, no app with code was run by a node')
    return
  }
  const { ask, place, write, address } = net
  for (const role of ['clinic-1', 'company', 'governance'])
    await here(['key', 'devnet', role, '--out', place(`${role}.key`)])
  await here(['key', 'recipient', '--out', place('recipient.key')])
  await here(['app', 'init', place('unsteady'), '--template', 'js'])
  write(join('unsteady', 'code', 'main.ts'), differing)
  await here(['app', 'build', place('unsteady')])
  await ask('app', 'publish', place('unsteady'), '--key-file', place('governance.key'))

  const owner = ['--key-file', place('clinic-1.key')]
  const table = write('visits.csv', 'visits,cost\n1,10\n')
  const { asset } = await ask('asset', 'share', table, ...owner, '--state', place('clinic.state'))
  const terms = ['--purpose', 'costs', '--requester', address('company'), '--expires', '1d']
  const grant = ['--asset', String(asset), '--app', 'unsteady', '--operator', 'any', '--yes']
  const tees = ['--tee', 'tdx', '--tee', 'snp', '--tee', 'nitro']
  const out = ['--out', place('costs.grant')]
  await ask('grant', 'create', ...grant, ...tees, ...terms, ...out, ...owner)
  const order = { format: 'cloister-order-request/1', app: 'unsteady', grants: ['costs.grant'] }
  write('order.json', JSON.stringify(order))
  const requester = ['--key-file', place('company.key'), '--recipient-key', place('recipient.key')]
  const { task } = await ask(
    ...['order', 'place', place('order.json'), ...requester, '--deposit', '--replicas', '2'],
  )
  const first = String(task)
  await ask('task', 'watch', first, '--timeout', '120')

  const shown = await ask('task', 'show', first)
  expect(shown).toMatchObject({
    state: 'refunded',
    siblings: [
      { replica: 0, task: first, state: 'refunded' },
      { replica: 1, state: 'refunded' },
    ],
  })
  const siblings = JSON.parse(JSON.stringify(shown['siblings']))
  expect(siblings[0].outputCommitment).toMatch(/^0x/)
  expect(siblings[1].outputCommitment).toMatch(/^0x/)
  expect(siblings[0].outputCommitment).not.toBe(siblings[1].outputCommitment)
  expect(siblings[0].tee).not.toBe(siblings[1].tee)
}, 240_000)
