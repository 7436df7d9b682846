import type { Network } from './network.ts'
import { readJson } from './network.ts'
import { change } from './tamper.ts'

type Around = {
  readonly net: Network
  readonly tasks: readonly [string, string]
  readonly ordering: readonly string[]
}
type Bad = readonly [string, (around: Around) => readonly string[], number, RegExp]

const zero = `0x${'00'.repeat(32)}`
/** What a network's user may get wrong, how the command ends, and what it says. */
export const badInputs: readonly Bad[] = [
  ['an unknown task', () => ['task', 'show', zero], 3, /Cannot find task 0x0+/],
  [
    'an unknown task to watch',
    () => ['task', 'watch', zero, '--timeout', '1'],
    3,
    /Cannot find task/,
  ],
  ['an unknown task to explain', () => ['task', 'explain', zero], 3, /Cannot find task/],
  [
    'an unknown app',
    () => ['data', 'check', '/dev/null', '--app', 'frob', '--role', 'data'],
    3,
    /frob/,
  ],
  [
    'an order that is no JSON',
    ({ net, ordering }) => ['order', 'check', net.write('bad-order', '{'), ...ordering],
    ...([2, /Cannot read order at byte/] as const),
  ],
  [
    'an order with an unknown field',
    ({ net, ordering }) => {
      const order = { ...readJson(net.place('first.json')), fee: '1' }
      return ['order', 'check', net.write('bad-order', JSON.stringify(order)), ...ordering]
    },
    ...([2, /order.*fee|fee.*unknown|unknown field/] as const),
  ],
  [
    'an order whose grant is missing',
    ({ net, ordering }) => {
      const order = { ...readJson(net.place('first.json')), grants: ['gone.grant'] }
      return ['order', 'check', net.write('bad-order.json', JSON.stringify(order)), ...ordering]
    },
    ...([2, /gone\.grant: there is no such file/] as const),
  ],
  [
    'a malformed grant',
    ({ net }) => ['grant', 'show', net.write('bad-grant', '{"format":"cloister-grant/2"}')],
    ...([2, /grant\.\w+/] as const),
  ],
  [
    'a grant whose signature is of another text',
    ({ net, ordering }) => {
      const grant = change(readJson(net.place('rows.grant')), ['grant', 'purpose'], () => 'other')
      net.write('bad.grant', JSON.stringify(grant))
      const order = {
        ...readJson(net.place('first.json')),
        grants: ['bad.grant', 'settings.grant'],
      }
      return ['order', 'place', net.write('bad-order.json', JSON.stringify(order)), ...ordering]
    },
    ...([1, /signature/] as const),
  ],
  [
    'an expired grant',
    ({ net, ordering }) => ['order', 'place', net.place('expired.json'), ...ordering],
    ...([1, /expir/] as const),
  ],
  [
    'insufficient funds for an order',
    ({ net }) => [
      ...['order', 'place', net.place('free.json'), '--key-file', net.place('poor.key')],
      ...['--recipient-key', net.place('recipient.key')],
    ],
    ...([7, /has 0 wei in the Ledger; deposit/] as const),
  ],
  [
    'insufficient funds for a deposit',
    ({ net }) => ['account', 'deposit', '5', '--key-file', net.place('poor.key')],
    ...([7, /has 0 wei of the token/] as const),
  ],
  [
    'nothing to claim',
    ({ net }) => ['account', 'claim', '31338', '--key-file', net.place('stranger.key')],
    ...([3, /0 wei were earned/] as const),
  ],
  [
    'a spoke that is none',
    ({ net }) => ['account', 'set-payout', '5', '--key-file', net.place('stranger.key')],
    ...([8, /pays on 31337, 31338/] as const),
  ],
  [
    "another recipient's key",
    ({ net, tasks }) => [
      'output',
      'open',
      tasks[0],
      '--key',
      net.place('other.key'),
      '--out',
      net.place('no'),
    ],
    ...([6, /sealed to another recipient key/] as const),
  ],
  [
    "a key of another asset's owner",
    ({ net }) => [
      ...['asset', 'share', net.place('rows.csv'), '--state', net.place('clinic-1.state')],
      ...['--key-file', net.place('company.key')],
    ],
    ...([6, /owner's account/] as const),
  ],
]
