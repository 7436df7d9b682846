import { appId, encodeDeployment, parseDeployment } from '@cloister/protocol'
import { expect, test } from 'vitest'

import { address, word } from './examples.ts'

const manifest = { format: 'cloister-app/2', name: 'tabular-train' }
const names = [
  'token',
  'ledger',
  'staking',
  'committee',
  'appRegistry',
  'assetRegistry',
  'nodeRegistry',
  'grantBook',
  'market',
  'settlement',
  'releaseKeys',
  'keeperDuty',
]
const json = {
  format: 'cloister-deployment/1',
  home: {
    chainId: 31337,
    rpcUrl: 'http://127.0.0.1:8545',
    contracts: Object.fromEntries(names.map((name, index) => [name, address(index + 1)])),
  },
  spokes: [
    {
      chainId: 31338,
      rpcUrl: 'http://127.0.0.1:8546',
      contracts: { token: address(0x21), spokePayout: address(0x22) },
    },
  ],
  genesisCommittee: { epoch: '0', members: [address(0x31), address(0x32)] },
  anchors: [
    { kind: 'insecure-devnet', spkiSha256: word(0x41) },
    // SHA-256 of the SubjectPublicKeyInfo of Intel's SGX root CA.
    {
      kind: 'production',
      spkiSha256: '0xa0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e',
    },
  ],
  measurements: [word(0x51)],
  apps: [{ name: 'tabular-train', id: appId(manifest), manifest }],
  verifiers: [{ address: address(0x31), url: 'http://127.0.0.1:9000' }],
  nodes: [{ operator: address(0x61), url: 'https://node.example/cloister' }],
  policy: {
    tcbFloor: 1,
    tierMin: 0,
    tcbEvaluationDataNumber: 17,
    rootCrlNumber: '1',
    pckCrlNumber: '2',
  },
  depth: 2,
}

test('a manifest read and written is the same manifest', () => {
  const read = parseDeployment(JSON.stringify(json))
  expect(JSON.parse(encodeDeployment(read))).toEqual(json)
  expect(read.anchors).toEqual([
    { kind: 'insecure-devnet', spkiSha256: '41'.repeat(32) },
    { kind: 'production', name: 'intel-sgx-root-ca' },
  ])
  expect(parseDeployment(new TextEncoder().encode(JSON.stringify(json)))).toEqual(read)
})

test.for<[string, object, string]>([
  ['another format', { format: 'cloister-deployment/2' }, 'deployment.format'],
  [
    'a contract missing',
    { home: { ...json.home, contracts: {} } },
    'deployment.home.contracts.token',
  ],
  ['a file for a chain', { home: { ...json.home, rpcUrl: 'file:///x' } }, 'deployment.home.rpcUrl'],
  [
    'a user in an address',
    { home: { ...json.home, rpcUrl: 'http://a:b@c' } },
    'deployment.home.rpcUrl',
  ],
  [
    'a query in an address',
    { home: { ...json.home, rpcUrl: 'http://a/?k=1' } },
    'deployment.home.rpcUrl',
  ],
  ['no anchor', { anchors: [] }, 'deployment.anchors'],
  [
    'a production anchor nobody knows',
    { anchors: [{ kind: 'production', spkiSha256: word(1) }] },
    'deployment.anchors[0].spkiSha256',
  ],
  [
    'a key of a single device',
    { anchors: [{ kind: 'device-key', spkiSha256: word(1) }] },
    'deployment.anchors[0].kind',
  ],
  [
    'an app under another id',
    { apps: [{ ...json.apps[0], id: word(2) }] },
    'deployment.apps[0].id',
  ],
  [
    'no committee',
    { genesisCommittee: { epoch: '0', members: [] } },
    'deployment.genesisCommittee.members',
  ],
  ['an unknown field', { extra: 1 }, 'deployment.extra'],
])('%s is refused by its place', ([, change, field]) => {
  expect(() => parseDeployment(JSON.stringify({ ...json, ...change }))).toThrow(
    expect.objectContaining({ name: 'MalformedError', field }),
  )
})

test('a vendor’s root cannot pass for a devnet’s', () => {
  const anchors = [{ ...json.anchors[1], kind: 'insecure-devnet' }]
  expect(() => parseDeployment(JSON.stringify({ ...json, anchors }))).toThrow('vendor root')
})

test('more than a megabyte is not read', () => {
  expect(() => parseDeployment(' '.repeat(1024 * 1024 + 1))).toThrow('at most 1048576 are read')
})
