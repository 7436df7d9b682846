import { encodeUtf8, type Json } from '@cloister/codec'
import { expect, test } from 'vitest'

import { parseEnclaveConfig } from '../src/index.ts'

const address = (digit: string) => `0x${digit.repeat(40)}`

const devnet: Record<string, Json> = {
  format: 'cloister-enclave/2',
  insecureDevnet: true,
  requireSandbox: false,
  evidence: { tee: 'tdx', driver: 'dstack', path: '../guest.sock' },
  chain: {
    chainId: 31337,
    ledger: address('1'),
    market: address('2'),
    assetRegistry: address('3'),
    nodeRegistry: address('4'),
    appRegistry: address('5'),
    committee: address('6'),
    releaseKeys: address('8'),
  },
  genesis: { epoch: '0', members: [address('7')] },
  anchors: [{ kind: 'insecure-devnet', name: 'ab'.repeat(32) }],
  depth: 2,
  checkpointSeconds: 20,
  storageLayout: 2,
}

const production = {
  ...devnet,
  insecureDevnet: false,
  requireSandbox: true,
  anchors: [{ kind: 'production', name: 'intel-sgx-root-ca' }],
}

function parse(config: Json, productionBuild = false) {
  return parseEnclaveConfig(encodeUtf8(JSON.stringify(config)), productionBuild)
}

test('a devnet configuration is read by a devnet build, and refused by a production build', () => {
  expect(parse(devnet).depth).toBe(2)
  expect(() => parse(devnet, true)).toThrow('production build')
})

test('a production configuration is read by both', () => {
  expect(parse(production).anchors).toEqual([{ kind: 'production', name: 'intel-sgx-root-ca' }])
  expect(parse(production, true).requireSandbox).toBe(true)
})

test('an accelerator may be named, by the absolute path of its program', () => {
  expect(parse(devnet)).not.toHaveProperty('accelerator')
  const accelerator = { kind: 'nvidia', command: '/usr/bin/nvattest' }
  expect(parse({ ...devnet, accelerator }).accelerator).toEqual(accelerator)
  const relative = { ...accelerator, command: 'nvattest' }
  expect(() => parse({ ...devnet, accelerator: relative })).toThrow('absolute path')
})

test.for([
  ['an accelerator of another kind', { ...devnet, accelerator: { kind: 'tpu', command: '/x' } }],
  ['a devnet anchor without the flag', { ...production, anchors: devnet['anchors']! }],
  ['a missing sandbox without the flag', { ...production, requireSandbox: false }],
  [
    'an unknown production anchor',
    { ...production, anchors: [{ kind: 'production', name: 'mine' }] },
  ],
  ['no anchor', { ...devnet, anchors: [] }],
  ['an unknown field', { ...devnet, extra: 1 }],
  ['a missing field', { ...devnet, depth: undefined }],
  ['no committee', { ...devnet, genesis: { epoch: '0', members: [] } }],
] as const)('%s is refused', ([, config]) => {
  expect(() => parse(JSON.parse(JSON.stringify(config)))).toThrow(/Cannot/)
})
