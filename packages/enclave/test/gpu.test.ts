import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { encodeUtf8, unixSeconds, type Json } from '@cloister/codec'
import { createNvidiaManufacturer } from '@cloister/emulator'
import { appId, appRegistryAbi, deviceNonce, evidenceBytes, parseBundle } from '@cloister/protocol'
import type { Hex } from 'viem'
import { generatePrivateKey } from 'viem/accounts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { people } from './world/home-chain.ts'
import { manifest as plain, startNetwork, type Network } from './world/network.ts'
import {
  captureRequest,
  changed,
  leakedAccount,
  object,
  outcomeOf,
  signedBy,
} from './world/requests.ts'
import { placeTask, sealAsset, type SealedAsset } from './world/tasks.ts'
import { hex, textOf } from './world/test-host.ts'

// A TEE that leaks: a node's own lies can be signed.
const keys = vi.hoisted((): Hex[] => [])
vi.mock('viem/accounts', async (importOriginal) => {
  const real = await importOriginal<typeof import('viem/accounts')>()
  const noted = (): ReturnType<typeof generatePrivateKey> => {
    const key = real.generatePrivateKey()
    keys.push(key)
    return key
  }
  return { ...real, generatePrivateKey: noted }
})

const manifest = { ...object(plain), accelerator: 'nvidia' }
const accelerated = { manifest, app: appId(manifest) }
const seed = new Uint8Array(32).fill(3)
const madeAt = unixSeconds(Math.floor(Date.now() / 1000) - 3600)
const nvidia = createNvidiaManufacturer({ seed, now: madeAt })
const gpu = nvidia.createDevice({ chip: 'GH100', deviceSeed: new Uint8Array(16).fill(1) })

let folder: string
let network: Network
let assets: SealedAsset[]
let documents = nvidia.collateral(gpu)
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gpu-'))
  network = await startNetwork({
    gpus: {
      command: emulatedNvattest(folder),
      anchors: [nvidia.anchorSpkiSha256, nvidia.rimAnchorSpkiSha256],
      collateral: () => ({ ...documents }),
    },
  })
  const { chain } = network
  const { appRegistry } = chain.contracts
  await chain.send(people.governance, appRegistry, appRegistryAbi, 'setApp', [accelerated.app, 1])
  await chain.client.mine({ blocks: 3 })
  assets = [
    await sealAsset(network, people.owners[0], encodeUtf8('1,2,a\n2,1,b\n1,3,a\n3,1,b')),
    await sealAsset(network, people.requester, encodeUtf8(parameters)),
  ]
}, 120_000)
afterAll(async () => {
  await network?.stop()
  rmSync(folder, { recursive: true })
})

const parameters = JSON.stringify({
  model: { kind: 'logistic', features: 2, classes: ['a', 'b'] },
  settings: {
    ...{ epochs: 50, batchSize: 4, learningRate: 0.1, optimizer: 'adam' },
    ...{ l2: 0, seed: 1, standardize: true },
  },
})

test('an app that uses a GPU gets its keys by the evidence of one, bound to this attempt', async () => {
  const { task, node } = await placeTask(network, assets, {}, accelerated)
  const result = await node.host.ask('attempt.run', { task, attempt: 1 })
  const stored = network.world.objects.get(textOf(result['bundleDigest']).slice(2))
  const bundle = parseBundle(stored!)
  expect(bundle.devices?.evidence).toHaveLength(1)
  expect(bundle.devices?.collateral).toEqual(documents)
  expect(bundle.releases.length).toBeGreaterThan(0)
})

test('an app that uses none shows none', async () => {
  const { task, node } = await placeTask(network, assets)
  const result = await node.host.ask('attempt.run', { task, attempt: 1 })
  const stored = network.world.objects.get(textOf(result['bundleDigest']).slice(2))
  expect(Object.keys(parseBundle(stored!))).not.toContain('devices')
})

/** A request of a node whose TEE leaks, with other devices than it had; signed as it would sign it. */
async function forged(edit: (bundle: Record<string, Json>) => void, of = accelerated) {
  const capture = await captureRequest(network, assets, {}, of)
  const request = await signedBy(
    network,
    leakedAccount(keys, capture.node),
    changed(capture.request, edit),
  )
  return { ...capture, request }
}

const evidenceRefused = 4

test('a keeper releases to what a leaked key signs, as long as nothing of it is changed', async () => {
  const { keeper, request } = await forged(() => undefined)
  expect(await outcomeOf(network, keeper, request)).toBe('released')
})

test('a keeper refuses an attempt without a GPU, and says so under its signature', async () => {
  const { keeper, request } = await forged((bundle) => delete bundle['devices'])
  expect(await outcomeOf(network, keeper, request)).toBe(evidenceRefused)
})

test('a keeper refuses the GPU of another attempt, genuine as it is', async () => {
  const earlier = await captureRequest(network, assets, {}, accelerated)
  expect(await outcomeOf(network, earlier.keeper, earlier.request)).toBe('released')
  const devices = object(earlier.request['bundle']!)['devices']!
  const { keeper, request } = await forged((bundle) => (bundle['devices'] = devices))
  expect(await outcomeOf(network, keeper, request)).toBe(evidenceRefused)
})

test('a keeper refuses a GPU that answered another machine', async () => {
  const relayed = gpu.evidence({
    nonce: await deviceNonce(
      evidenceBytes({ tee: 'tdx', quote: encodeUtf8('of another machine') }),
      new Uint8Array(64),
    ),
  })
  const { keeper, request } = await forged((bundle) => {
    object(bundle['devices']!)['evidence'] = [
      { ...relayed, measurements: hex(relayed.measurements) },
    ]
  })
  expect(await outcomeOf(network, keeper, request)).toBe(evidenceRefused)
})

test.for([
  ['without manifests', 'rims'],
  ['without OCSP responses', 'ocspResponses'],
] as const)('a keeper refuses a GPU %s', async ([, member]) => {
  const { keeper, request } = await forged((bundle) => {
    object(object(bundle['devices']!)['collateral']!)[member] = []
  })
  expect(await outcomeOf(network, keeper, request)).toBe(evidenceRefused)
})

test('a keeper refuses a GPU beside an app that uses none', async () => {
  const earlier = await captureRequest(network, assets, {}, accelerated)
  const devices = object(earlier.request['bundle']!)['devices']!
  const { keeper, request } = await forged((bundle) => (bundle['devices'] = devices), {
    app: appId(plain),
    manifest: { ...object(plain), accelerator: 'none' },
  })
  expect(await outcomeOf(network, keeper, request)).toBe(evidenceRefused)
})

test('an enclave asks no keeper where its own GPU does not hold', async () => {
  const { task, node } = await placeTask(network, assets, {}, accelerated)
  const phases = node.host.phases.length
  documents = { ...documents, rims: [] }
  try {
    await expect(node.host.ask('attempt.run', { task, attempt: 1 })).rejects.toThrow(/RIM_MISSING/)
  } finally {
    documents = nvidia.collateral(gpu)
  }
  expect(node.host.phases.slice(phases)).not.toContain('attested')
  // It is a matter of documents: the next try goes through.
  expect(await node.host.ask('attempt.run', { task, attempt: 1 })).toHaveProperty('bundleDigest')
})

/** A program that answers as `nvattest` does, for the emulated GPU. */
function emulatedNvattest(into: string): string {
  const path = join(into, 'nvattest')
  const emulator = new URL('../../emulator/src/index.ts', import.meta.url).href
  writeFileSync(
    path,
    `#!${process.execPath}
import(${JSON.stringify(emulator)}).then(({ createNvidiaManufacturer }) => {
  const nonce = process.argv[process.argv.indexOf('--nonce') + 1]
  const made = createNvidiaManufacturer({ seed: new Uint8Array(32).fill(3), now: ${madeAt} })
  const device = made.createDevice({ chip: 'GH100', deviceSeed: new Uint8Array(16).fill(1) })
  const { measurements, certificateChain } = device.evidence({ nonce: new Uint8Array(Buffer.from(nonce, 'hex')) })
  const base64 = (bytes) => Buffer.from(bytes).toString('base64')
  console.log(JSON.stringify({
    result_code: 0, result_message: 'Ok',
    evidences: [{ evidence: base64(measurements), certificate: base64(certificateChain) }],
  }))
})
`,
  )
  chmodSync(path, 0o755)
  return path
}
