// Writes the vectors of grant decisions that TypeScript and Solidity are both checked against: by hand one case for each rule at its
// limit and past it, then random ones. What is expected comes from the rules written out once more below, as docs/grants.md has
// them; neither implementation is asked.
import { readFileSync, writeFileSync } from 'node:fs'

import { encodeAbiParameters, getAddress, keccak256, toHex, type Address, type Hex } from 'viem'

const folder = 'packages/protocol/test/vectors'
const { messages } = JSON.parse(readFileSync(`${folder}/messages.json`, 'utf8'))

const word = (seed: string): Hex => keccak256(toHex(seed))
const account = (seed: string): Address => getAddress(`0x${word(seed).slice(-40)}`)
const nobody: Address = '0x0000000000000000000000000000000000000000'
const nothing: Hex = `0x${'00'.repeat(32)}`
const list = (count: number, seed: string): Hex[] =>
  Array.from({ length: count }, (_, index) => word(`${seed} ${index}`))
const accounts = (count: number, seed: string): Address[] =>
  Array.from({ length: count }, (_, index) => account(`${seed} ${index}`))

const grant = {
  version: 2,
  owner: account('owner'),
  assets: [word('asset 0'), word('asset 1')],
  apps: [word('app 0'), word('app 1')],
  measurements: [word('measurement 0'), word('measurement 1')],
  releaseKey: nobody,
  tcbFloor: 1,
  tierMin: 1,
  tees: 0b1100,
  anyNode: false,
  operators: [account('operator 0'), account('operator 1')],
  anyRequester: false,
  requesters: [account('requester 0'), account('requester 1')],
  purpose: 'Train a tumour classifier — für die Forschung',
  priceWei: 300n,
  usesMax: 3,
  usesPerDay: 2,
  notBefore: 1_000n,
  expiry: 2_000n,
  ownersMin: 2,
  recordsMin: 100,
  outputBytesMax: 4096,
  outputFormats: 0b1010,
  privacyRequired: true,
  epsilonMicros: 1_000n,
  deltaPicos: 50n,
  reviewKeyHash: nothing,
  nonce: 7n,
}
const order = {
  requester: account('requester 1'),
  app: word('app 1'),
  assets: [word('another asset'), word('asset 1')],
  grants: [word('another grant'), word('this grant')],
  recipientKeyHash: word('recipient'),
  tierMin: 0,
  tags: 0,
  replicas: 1,
  feeWei: 1_000_000n,
  attemptSeconds: 600,
  attemptsMax: 2,
  expiry: 5_000n,
  nonce: 1n,
  tees: 0b0100,
  unitWei: 0n,
  epsilonMicros: 400n,
  deltaPicos: 20n,
}
const facts = {
  position: 1,
  time: 1_500n,
  assetOwner: account('owner'),
  ownersOthers: 2,
  signatureValid: true,
  revoked: false,
  usesBefore: 2,
  usesToday: 1,
  epsilonSpentMicros: 600n,
  deltaSpentPicos: 30n,
}
const node = {
  tee: 2,
  operator: account('operator 1'),
  measurement: word('measurement 1'),
  approvedUntil: 0n,
  tcb: 1,
  tier: 1,
}
const app = { kind: 'train', outputBytesMax: 4096, outputFormats: 0b1000, private: true }

type Case = {
  readonly grant: typeof grant
  readonly order: typeof order
  readonly facts: typeof facts
  readonly node: typeof node
  readonly app: typeof app
}
type Change = { readonly [P in keyof Case]?: Partial<Case[P]> }
type Named = readonly [name: string, change: Change]

const base: Case = { grant, order, facts, node, app }
const changed = (change: Change): Case => ({
  grant: { ...grant, ...change.grant },
  order: { ...order, ...change.order },
  facts: { ...facts, ...change.facts },
  node: { ...node, ...change.node },
  app: { ...app, ...change.app },
})

const end = 10n ** 12n
const byKey = { measurements: [], releaseKey: account('release key') }
const open = { privacyRequired: false, epsilonMicros: 0n, deltaPicos: 0n }

/** One case for each rule: what is still allowed beside what is not. */
const byHand: readonly Named[] = [
  ['everything at its limit', {}],
  ['version 1', { grant: { version: 1 } }],
  ['no asset', { grant: { assets: [] } }],
  ['17 assets', { grant: { assets: [...list(16, 'a'), word('asset 1')] } }],
  ['16 assets', { grant: { assets: [...list(15, 'a'), word('asset 1')] } }],
  ['no app', { grant: { apps: [] } }],
  ['17 apps', { grant: { apps: [...list(16, 'a'), word('app 1')] } }],
  ['no runtime at all', { grant: { measurements: [] } }],
  ['measurements and a release key', { grant: { releaseKey: account('release key') } }],
  ['17 measurements', { grant: { measurements: [...list(16, 'm'), word('measurement 1')] } }],
  ['TCB rank 6', { grant: { tcbFloor: 6 } }],
  ['TCB rank 5', { grant: { tcbFloor: 5 }, node: { tcb: 5 } }],
  ['no TEE', { grant: { tees: 0 } }],
  ['TEE number 6', { grant: { tees: 0b100_0100 } }],
  ['TEE number 0', { grant: { tees: 0b101 } }],
  ['any node and operators', { grant: { anyNode: true } }],
  ['no node', { grant: { operators: [] } }],
  ['any node', { grant: { anyNode: true, operators: [] }, node: { operator: account('x') } }],
  ['17 operators', { grant: { operators: [...accounts(16, 'o'), account('operator 1')] } }],
  ['any requester and requesters', { grant: { anyRequester: true } }],
  ['no requester', { grant: { requesters: [] } }],
  [
    'any requester',
    { grant: { anyRequester: true, requesters: [] }, order: { requester: account('x') } },
  ],
  ['a purpose of 201 bytes', { grant: { purpose: `${'ü'.repeat(100)}.` } }],
  ['a purpose of 200 bytes', { grant: { purpose: 'ü'.repeat(100) } }],
  ['no use', { grant: { usesMax: 0 } }],
  ['no use a day', { grant: { usesPerDay: 0 } }],
  ['an end before its beginning', { grant: { expiry: 1_000n } }],
  ['no owner needed', { grant: { ownersMin: 0 } }],
  ['no output format', { grant: { outputFormats: 0 } }],
  ['an output format without a name', { grant: { outputFormats: 0b100_1010 } }],
  ['privacy without a budget', { grant: { epsilonMicros: 0n } }],
  ['a budget without privacy', { grant: { ...open, epsilonMicros: 1n } }],
  ['a delta of 1', { grant: { deltaPicos: end } }],
  ['a delta below 1', { grant: { deltaPicos: end - 1n } }],
  ['a delta without privacy', { grant: { ...open, deltaPicos: 1n } }],
  ['no privacy', { grant: open, order: { epsilonMicros: 0n, deltaPicos: 0n } }],
  ['another owner', { facts: { assetOwner: account('x') } }],
  ['an asset that nobody owns', { facts: { assetOwner: nobody } }],
  ['another’s signature', { facts: { signatureValid: false } }],
  ['revoked', { facts: { revoked: true } }],
  ['before its time', { facts: { time: 999n } }],
  ['at its beginning', { facts: { time: 1_000n } }],
  ['a second before its end', { facts: { time: 1_999n } }],
  ['at its end', { facts: { time: 2_000n } }],
  ['another asset', { order: { assets: [word('asset 1'), word('another asset')] } }],
  ['the other place', { facts: { position: 0 } }],
  ['another app', { order: { app: word('app 2') } }],
  ['another requester', { order: { requester: account('x') } }],
  ['used up', { facts: { usesBefore: 3 } }],
  ['used up today', { facts: { usesToday: 2 } }],
  ['too few owners', { facts: { ownersOthers: 1 } }],
  [
    'the owner itself, alone',
    {
      grant: { requesters: [account('owner')] },
      order: { requester: account('owner') },
      facts: { ownersOthers: 0 },
    },
  ],
  ['no TEE in common', { order: { tees: 0b10_0010 } }],
  ['an order that is not private', { order: { epsilonMicros: 0n, deltaPicos: 0n } }],
  ['more epsilon than is left', { order: { epsilonMicros: 401n } }],
  ['more delta than is left', { order: { deltaPicos: 21n } }],
  ['another output format', { app: { outputFormats: 0b1001 } }],
  ['a byte too many', { app: { outputBytesMax: 4097 } }],
  ['an app that counts no rows', { app: { kind: 'infer' } }],
  ['no rows asked for', { grant: { recordsMin: 0 }, app: { kind: 'infer' } }],
  ['an app that is not private', { app: { private: false } }],
  ['a node in another TEE', { node: { tee: 4 } }],
  ['a node of another operator', { node: { operator: account('x') } }],
  ['a node with another runtime', { node: { measurement: word('x') } }],
  ['a runtime that the key approves', { grant: byKey, node: { approvedUntil: 1_501n } }],
  ['a runtime that the key approved once', { grant: byKey, node: { approvedUntil: 1_500n } }],
  ['a worse TCB', { node: { tcb: 2 } }],
  ['a lower tier', { node: { tier: 0 } }],
]

const inRange = (entries: readonly unknown[], min: number): boolean =>
  entries.length >= min && entries.length <= 16
const bytesOf = (text: string): number => new TextEncoder().encode(text).length

/** The rules in the order in which they are asked: field, stage, and what has to hold. */
const rules: readonly (readonly [keyof typeof grant, string, (given: Case) => boolean])[] = [
  ['version', 'place', ({ grant: g }) => g.version === 2],
  ['assets', 'place', ({ grant: g }) => inRange(g.assets, 1)],
  ['apps', 'place', ({ grant: g }) => inRange(g.apps, 1)],
  [
    'measurements',
    'place',
    ({ grant: g }) =>
      inRange(g.measurements, g.releaseKey === nobody ? 1 : 0) &&
      (g.releaseKey === nobody || g.measurements.length === 0),
  ],
  ['tcbFloor', 'place', ({ grant: g }) => g.tcbFloor <= 5],
  ['tees', 'place', ({ grant: g }) => g.tees > 0 && g.tees <= 62 && g.tees % 2 === 0],
  [
    'operators',
    'place',
    ({ grant: g }) => (g.anyNode ? g.operators.length === 0 : inRange(g.operators, 1)),
  ],
  [
    'requesters',
    'place',
    ({ grant: g }) => (g.anyRequester ? g.requesters.length === 0 : inRange(g.requesters, 1)),
  ],
  ['purpose', 'place', ({ grant: g }) => bytesOf(g.purpose) <= 200],
  ['usesMax', 'place', ({ grant: g }) => g.usesMax >= 1],
  ['usesPerDay', 'place', ({ grant: g }) => g.usesPerDay >= 1],
  ['expiry', 'place', ({ grant: g }) => g.notBefore < g.expiry],
  ['ownersMin', 'place', ({ grant: g }) => g.ownersMin >= 1],
  ['outputFormats', 'place', ({ grant: g }) => g.outputFormats >= 1 && g.outputFormats <= 63],
  [
    'epsilonMicros',
    'place',
    ({ grant: g }) => (g.privacyRequired ? g.epsilonMicros >= 1n : g.epsilonMicros === 0n),
  ],
  [
    'deltaPicos',
    'place',
    ({ grant: g }) => (g.privacyRequired ? g.deltaPicos < end : g.deltaPicos === 0n),
  ],
  ['owner', 'place', ({ grant: g, facts: f }) => g.owner === f.assetOwner],
  ['owner', 'place', ({ facts: f }) => f.signatureValid],
  ['nonce', 'place', ({ facts: f }) => !f.revoked],
  ['notBefore', 'place', ({ grant: g, facts: f }) => f.time >= g.notBefore],
  ['expiry', 'place', ({ grant: g, facts: f }) => f.time < g.expiry],
  [
    'assets',
    'place',
    ({ grant: g, order: o, facts: f }) => g.assets.includes(o.assets[f.position] ?? '0x'),
  ],
  ['apps', 'place', ({ grant: g, order: o }) => g.apps.includes(o.app)],
  [
    'requesters',
    'place',
    ({ grant: g, order: o }) => g.anyRequester || g.requesters.includes(o.requester),
  ],
  ['usesMax', 'place', ({ grant: g, facts: f }) => f.usesBefore < g.usesMax],
  ['usesPerDay', 'place', ({ grant: g, facts: f }) => f.usesToday < g.usesPerDay],
  [
    'ownersMin',
    'place',
    ({ grant: g, order: o, facts: f }) => g.owner === o.requester || f.ownersOthers >= g.ownersMin,
  ],
  ['tees', 'place', ({ grant: g, order: o }) => (g.tees & o.tees) !== 0],
  [
    'epsilonMicros',
    'place',
    ({ grant: g, order: o }) => !g.privacyRequired || o.epsilonMicros >= 1n,
  ],
  [
    'epsilonMicros',
    'place',
    ({ grant: g, order: o, facts: f }) =>
      !g.privacyRequired || f.epsilonSpentMicros + o.epsilonMicros <= g.epsilonMicros,
  ],
  [
    'deltaPicos',
    'place',
    ({ grant: g, order: o, facts: f }) =>
      !g.privacyRequired || f.deltaSpentPicos + o.deltaPicos <= g.deltaPicos,
  ],
  [
    'outputFormats',
    'run',
    ({ grant: g, app: a }) => (a.outputFormats | g.outputFormats) === g.outputFormats,
  ],
  ['outputBytesMax', 'run', ({ grant: g, app: a }) => a.outputBytesMax <= g.outputBytesMax],
  [
    'recordsMin',
    'run',
    ({ grant: g, app: a }) => g.recordsMin === 0 || ['train', 'federated'].includes(a.kind),
  ],
  ['privacyRequired', 'run', ({ grant: g, app: a }) => a.private || !g.privacyRequired],
  ['tees', 'draw', ({ grant: g, node: n }) => (g.tees & (2 ** n.tee)) > 0],
  ['operators', 'draw', ({ grant: g, node: n }) => g.anyNode || g.operators.includes(n.operator)],
  [
    'measurements',
    'draw',
    ({ grant: g, node: n }) => g.releaseKey !== nobody || g.measurements.includes(n.measurement),
  ],
  [
    'releaseKey',
    'draw',
    ({ grant: g, facts: f, node: n }) => g.releaseKey === nobody || n.approvedUntil > f.time,
  ],
  ['tcbFloor', 'draw', ({ grant: g, node: n }) => n.tcb <= g.tcbFloor],
  ['tierMin', 'draw', ({ grant: g, node: n }) => n.tier >= g.tierMin],
]

/** Two or three of the changes above at once, and some of their numbers moved by a little. */
function atRandom(count: number): readonly Named[] {
  return Array.from({ length: count }, (_, index) => {
    const dice = BigInt(word(`case ${index}`))
    const picked = Array.from({ length: 1 + Number(dice % 3n) }, (__, turn): Named => {
      const at = Number((dice >> BigInt(8 + turn * 16)) % BigInt(byHand.length))
      return byHand[at] ?? ['', {}]
    })
    const spent = {
      epsilonSpentMicros: (dice >> 64n) % 1_200n,
      deltaSpentPicos: (dice >> 80n) % 60n,
    }
    const moved: Change = {
      facts: {
        time: 990n + ((dice >> 96n) % 1_020n),
        usesBefore: Number((dice >> 112n) % 4n),
        ...spent,
      },
    }
    const changes = [
      ...((dice >> 128n) % 3n === 0n ? [moved] : []),
      ...picked.map(([, change]) => change),
    ]
    const merged = changes.reduce<Change>(
      (whole, change) => ({
        grant: { ...whole.grant, ...change.grant },
        order: { ...whole.order, ...change.order },
        facts: { ...whole.facts, ...change.facts },
        node: { ...whole.node, ...change.node },
        app: { ...whole.app, ...change.app },
      }),
      {},
    )
    return [`random ${index}: ${picked.map(([name]) => name).join(' + ')}`, merged] as const
  })
}

const vectors = [...byHand, ...atRandom(60)].map(([name, change]) => {
  const given = name === '' ? base : changed(change)
  const broken = rules.find(([, , holds]) => !holds(given))
  return {
    name,
    ...given.facts,
    node: given.node,
    app: given.app,
    grantEncoded: encode('Grant', given.grant),
    orderEncoded: encode('Order', given.order),
    decision: broken?.[0] ?? 'allowed',
    stage: broken?.[1] ?? '',
  }
})

// One case on each line: Solidity reads them line by line.
const lines = vectors.map((vector) =>
  JSON.stringify(vector, (_, each) => (typeof each === 'bigint' ? String(each) : each)),
)
writeFileSync(`${folder}/grants.jsonl`, `${lines.join('\n')}\n`)
console.log(
  `wrote ${folder}/grants.jsonl: ${vectors.length} cases, ${vectors.filter(({ stage }) => stage === '').length} allowed`,
)

/** As Solidity's `abi.encode` of the struct has it. The fields come from the text that the law spells out. */
function encode(name: string, value: Readonly<Record<string, unknown>>): Hex {
  const { type }: { readonly type: string } = messages[name]
  const components = type
    .slice(type.indexOf('(') + 1, -1)
    .split(',')
    .map((field) => {
      const [kind = '', label = ''] = field.split(' ')
      return { type: kind, name: label }
    })
  return encodeAbiParameters([{ type: 'tuple', components }], [value])
}
