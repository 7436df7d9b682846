import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  appraise,
  insecureDevnetAnchor,
  strictPolicy,
  type Appraisal,
  type Collateral,
  type Evidence,
} from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import {
  createManufacturer,
  createNitroCloud,
  createSnpManufacturer,
  launchGuest,
  measureGuest,
  prepareGuest,
  type Machine,
  type RunningGuest,
} from '@cloister/emulator'
import {
  addressField,
  nodeCollateralField,
  nodeEvidenceField,
  unnamedMachineId,
} from '@cloister/protocol'
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

const given = {
  seed: new Uint8Array(32).fill(9),
  now: unixSeconds(Math.floor(Date.now() / 1000) - 60),
}
const machineSeed = new Uint8Array(16).fill(1)
const intel = createManufacturer(given)
const amd = createSnpManufacturer(given)
const aws = createNitroCloud(given.seed)
const genoa = amd.createPlatform({ machineSeed, line: 'Genoa' })

/** A machine of each kind, how an enclave is configured for it, and its vendor's documents. */
const kinds = [
  {
    machine: { tee: 'tdx', platform: intel.createPlatform({ machineSeed }) },
    driver: 'dstack',
    anchor: intel.anchorSpkiSha256,
    collateral: () => ({ intel: intel.collateral() }),
  },
  {
    machine: { tee: 'sev-snp', platform: genoa },
    driver: 'sev-guest',
    anchor: amd.anchorSpkiSha256('Genoa'),
    collateral: () => ({ amd: genoa.collateral(amd.revocationList('Genoa')) }),
  },
  {
    machine: { tee: 'aws-nitro', cloud: aws, enclaveSeed: machineSeed },
    driver: 'nsm',
    anchor: aws.anchorSpkiSha256,
    collateral: () => ({}),
  },
] as const satisfies readonly {
  readonly machine: Machine
  readonly driver: string
  readonly anchor: string
  readonly collateral: () => Collateral
}[]
const [tdx] = kinds
type Kind = (typeof kinds)[number]

const evidenceOfKind = ({ machine, driver, anchor }: Kind) => ({
  evidence: { tee: machine.tee, driver, path: '../guest.sock' },
  anchors: [{ kind: 'insecure-devnet', name: anchor }],
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
      depth: 2,
      checkpointSeconds: 20,
      storageLayout: 2,
      ...evidenceOfKind(tdx),
      ...changes,
    },
  }
}

async function launch(
  name: string,
  image: ReturnType<typeof imageOf>,
  machine: Machine = tdx.machine,
): Promise<RunningGuest> {
  return launchGuest({
    ...image,
    machine,
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

test.for(kinds)(
  'what was measured runs on $machine.tee: the bundle answers its host with the measurement that was computed before',
  async (kind) => {
    const { machine, anchor, collateral } = kind
    const image = imageOf(build, evidenceOfKind(kind))
    const { measurement } = await measureGuest(image, machine.tee)
    const td = await launch(machine.tee, image, machine)
    try {
      expect(await said(td)).toContain('{"ready":true}')
      const host = new TestHost(worldWith(machine.tee, collateral))
      await host.connect(join(folder, `${machine.tee}.sock`))
      expect(host.hello['measurement']).toBe(`0x${measurement.replace(/^0x/, '')}`)
      expect(host.hello['sandbox']).toMatch(/^(bubblewrap|none)$/)
      const { evidence } = await host.ask('node.evidence', {
        operator: address('8'),
        beacon: `0x${'99'.repeat(32)}`,
      })
      const appraisal: Appraisal = await appraise<Evidence>(
        nodeEvidenceField.parse(evidence ?? null, 'evidence'),
        {
          collateral: collateral(),
          anchors: [insecureDevnetAnchor(anchor)],
          policy: strictPolicy({
            measurements: [measurement],
            reportData: 'any',
            machineIds: 'any',
          }),
          now: unixSeconds(Math.floor(Date.now() / 1000)),
        },
      )
      expect(appraisal).toMatchObject({ authentic: true, reasons: [] })
      const receiptKey = addressField.parse(host.hello['receiptKey'] ?? null, 'receiptKey')
      const machineId = 'claims' in appraisal && appraisal.claims.machineId
      expect(host.hello['machineId']).toBe(
        typeof machineId === 'string' ? `0x${machineId}` : unnamedMachineId(receiptKey),
      )
      await expect(host.ask('attempt.run', { task: 'x', attempt: 1 })).rejects.toThrow('task')
      await expect(host.ask('no.such.method', {})).rejects.toThrow('unknown')
      const limits = readFileSync(`/proc/${td.process.pid}/limits`, 'utf8')
      expect(limits).toMatch(/Max core file size\s+0\s+0/)
    } finally {
      await td.stop()
    }
  },
)

test('an enclave does not start on a machine of another kind, nor under the root of another vendor', async () => {
  const [, snp, nitro] = kinds
  const foreignKind = imageOf(build, {
    ...evidenceOfKind(nitro),
    evidence: { tee: 'sev-snp', driver: 'sev-guest', path: '../guest.sock' },
  })
  const foreignRoot = imageOf(build, {
    ...evidenceOfKind(nitro),
    anchors: evidenceOfKind(snp).anchors,
  })
  for (const [name, image, words] of [
    ['k', foreignKind, 'Cannot collect evidence'],
    ['r', foreignRoot, 'UNTRUSTED_ROOT'],
  ] as const) {
    const guest = await launch(name, image, nitro.machine)
    try {
      expect(await said(guest)).toContain(words)
    } finally {
      await guest.stop()
    }
  }
})

test('an enclave that was given another machine’s evidence asks for nobody’s trust', async () => {
  const [, snp] = kinds
  const image = imageOf(build, evidenceOfKind(snp))
  const other = amd.createPlatform({ machineSeed: new Uint8Array(16).fill(2), line: 'Genoa' })
  let swapped = false
  const prepared = await prepareGuest({
    ...image,
    machine: snp.machine,
    directory: join(folder, 'swap'),
    insecureEvidenceFrom: () => (swapped ? { tee: 'sev-snp', platform: other } : snp.machine),
  })
  const guest = await prepared.start({
    args: [join(folder, 'swap.sock')],
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  try {
    await said(guest)
    const collateral = () => ({ amd: other.collateral(amd.revocationList('Genoa')) })
    const host = new TestHost(worldWith('sev-snp', collateral))
    await host.connect(join(folder, 'swap.sock'))
    swapped = true
    const asked = host.ask('node.evidence', {
      operator: address('8'),
      beacon: `0x${'99'.repeat(32)}`,
    })
    await expect(asked).rejects.toThrow('when this enclave started')
  } finally {
    await guest.stop()
  }
})

test('a production build does not start with a devnet configuration', async () => {
  const production = await buildEnclave(join(folder, 'production'), { production: true })
  const td = await launch('b', imageOf(production))
  try {
    expect(await said(td)).toContain('production build')
  } finally {
    await td.stop()
  }
})

// This test asks for nothing that a host would have to look up, but documents.
function worldWith(tee: Machine['tee'], collateral: () => Collateral): HostWorld {
  return {
    get chain(): never {
      throw new Error('no chain')
    },
    objects: new Map(),
    orders: new Map(),
    keepers: new Map(),
    collateral: () => nodeCollateralField(tee).encode(collateral()),
    deviceCollateral: () => null,
    depth: 2,
    nodeOf: () => undefined,
    committee: { epoch: 0n, signers: [], handovers: [] },
  }
}
