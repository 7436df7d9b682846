import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { unixSeconds } from '@cloister/codec'
import { createManufacturer, launchGuest, measureTd, type RunningGuest } from '@cloister/emulator'
import { nodeCollateralField } from '@cloister/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { buildEnclave, type EnclaveBuild } from '../../../scripts/build-enclave.ts'
import { TestHost, type HostWorld } from './world/test-host.ts'

const folder = mkdtempSync(join(tmpdir(), 'clb-'))
const address = (digit: string) => `0x${digit.repeat(40)}`
let build: EnclaveBuild
beforeAll(async () => {
  build = await buildEnclave(join(folder, 'out'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const manufacturer = createManufacturer({
  seed: new Uint8Array(32).fill(9),
  now: unixSeconds(Math.floor(Date.now() / 1000) - 60),
})

function imageOf({ files, entry, runtime }: EnclaveBuild, changes: object = {}) {
  return {
    files,
    entry,
    runtime,
    config: {
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
      },
      genesis: { epoch: '0', members: [address('7')] },
      anchors: [{ kind: 'insecure-devnet', name: manufacturer.anchorSpkiSha256 }],
      depth: 2,
      checkpointSeconds: 20,
      storageLayout: 1,
      ...changes,
    },
  }
}

async function launch(name: string, image: ReturnType<typeof imageOf>): Promise<RunningGuest> {
  return launchGuest({
    ...image,
    machine: {
      tee: 'tdx',
      platform: manufacturer.createPlatform({ machineSeed: new Uint8Array(16).fill(1) }),
    },
    directory: join(folder, name),
    args: [join(folder, `${name}.sock`)],
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function said(td: RunningGuest): Promise<string> {
  return new Promise((resolve) => {
    let output = ''
    const take = (part: unknown) => {
      output += String(part)
      if (output.includes('ready')) resolve(output)
    }
    td.process.stdout!.on('data', take)
    td.process.stderr!.on('data', take)
    td.process.once('exit', () => resolve(output))
  })
}

test('ten npm packages or fewer have code in the bundles, each known by name', () => {
  expect(build.packages).toEqual([
    '@ethereumjs/mpt',
    '@ethereumjs/rlp',
    '@ethereumjs/util',
    '@noble/curves',
    '@noble/hashes',
    'hpke',
    'onnxruntime-common',
    'onnxruntime-node',
    'shamir-secret-sharing',
    'viem',
  ])
})

test('every file is named with the digest of its bytes, and the bundle reads no environment', () => {
  for (const { path, sha256 } of build.files)
    expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(sha256)
  const bundle = readFileSync(join(folder, 'out', 'enclave.js'), 'utf8')
  expect(bundle).not.toMatch(/process\.env\b(?!\.NODE_ENV)/)
})

test('what was measured runs: the bundle answers its host with the measurement that was computed before', async () => {
  const image = imageOf(build)
  const { measurement } = await measureTd(image)
  const td = await launch('a', image)
  try {
    expect(await said(td)).toContain('{"ready":true}')
    const host = new TestHost(noWorld)
    await host.connect(join(folder, 'a.sock'))
    expect(host.hello['measurement']).toBe(`0x${measurement.replace(/^0x/, '')}`)
    expect(host.hello['sandbox']).toMatch(/^(bubblewrap|none)$/)
    const { evidence } = await host.ask('node.evidence', {
      operator: address('8'),
      beacon: `0x${'99'.repeat(32)}`,
    })
    expect(JSON.stringify(evidence).length).toBeGreaterThan(2000)
    await expect(host.ask('attempt.run', { task: 'x', attempt: 1 })).rejects.toThrow('task')
    await expect(host.ask('no.such.method', {})).rejects.toThrow('unknown')
    const limits = readFileSync(`/proc/${td.process.pid}/limits`, 'utf8')
    expect(limits).toMatch(/Max core file size\s+0\s+0/)
  } finally {
    await td.stop()
  }
}, 60_000)

test('a production build does not start with a devnet configuration', async () => {
  const production = await buildEnclave(join(folder, 'production'), { production: true })
  const td = await launch('b', imageOf(production))
  try {
    expect(await said(td)).toContain('production build')
  } finally {
    await td.stop()
  }
}, 60_000)

// This test asks for nothing that a host would have to look up.
const noWorld: HostWorld = {
  get chain(): never {
    throw new Error('no chain')
  },
  objects: new Map(),
  orders: new Map(),
  keepers: new Map(),
  collateral: () => nodeCollateralField('tdx').encode({ intel: manufacturer.collateral() }),
  depth: 2,
  nodeOf: () => undefined,
  committee: { epoch: 0n, signers: [], handovers: [] },
}
