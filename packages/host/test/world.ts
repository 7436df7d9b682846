import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { insecureDevnetAnchor } from '@cloister/attest'
import { unixSeconds, type Json } from '@cloister/codec'
import {
  createManufacturer,
  createNitroCloud,
  measureTd,
  serveCollateral,
  type NitroEnclave,
} from '@cloister/emulator'
import { createKeyFile, createLog, Secret } from '@cloister/io'
import {
  appRegistryAbi,
  assetId,
  assetRegistryAbi,
  cloisterDomain,
  committeeAbi,
  deploymentOf,
  encodeDeployment,
  keyHash,
  marketAbi,
  messageDigest,
  nodeRegistryAbi,
  sortSignatures,
  taskId,
  type Admission,
  type Grant,
  type KeeperPolicy,
  type Order,
} from '@cloister/protocol'
import { bytesToHex, sha256, zeroAddress, zeroHash, type Hex } from 'viem'
import {
  generatePrivateKey,
  privateKeyToAccount,
  type HDAccount,
  type PrivateKeyAccount,
} from 'viem/accounts'

import { startHost, type Faults, type Host, type HostConfig } from '../src/index.ts'
import { app, manifest, people, startHomeChain } from './home-chain.ts'
import {
  believingAdmission,
  startEnclaveStandIn,
  startVerifierStandIn,
  type EnclaveStandIn,
} from './stand-ins.ts'

/** Blocks under a checkpoint at which an enclave would read. */
export const depth = 2

/** A real chain, contracts, emulated machine and collateral service, with signing stand-ins for the four verifiers. */
export async function startWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'clo-host-'))
  const home = await startHomeChain()
  const domain = cloisterDomain(31337, home.contracts.ledger)
  const now = unixSeconds(Math.floor(Date.now() / 1000) - 3600)
  const manufacturer = createManufacturer({ seed: new Uint8Array(32).fill(9), now })
  const cloud = createNitroCloud(new Uint8Array(32).fill(9))
  const collateral = await serveCollateral(manufacturer)
  const image = join(folder, 'image')
  writeFileSync(image, 'what this virtual machine runs')
  const measured = await measureTd({
    files: [{ name: 'image', path: image }],
    runtime: 'image',
    entry: 'image',
  })
  const measurement: Hex = `0x${measured.measurement.replace(/^0x/, '')}`
  const { appRegistry, committee } = home.contracts
  await home.send(people.governance, appRegistry, appRegistryAbi, 'setMeasurement', [
    measurement,
    true,
  ])
  const { timestamp } = await home.chain.block()
  const admissionOf = believingAdmission(measurement, timestamp + 86_400n)
  const verifiers = await Promise.all(
    people.verifiers.map((account) => startVerifierStandIn(home, domain, account, admissionOf)),
  )
  for (const [index, { url }] of verifiers.entries())
    await home.send(people.verifiers[index]!, committee, committeeAbi, 'announce', [url])
  const deploymentFile = join(folder, 'deployment.json')
  const manifestText = encodeDeployment({
    format: 'cloister-deployment/1',
    home: { chainId: 31337, rpcUrl: home.url, contracts: home.contracts },
    spokes: [],
    genesisCommittee: { epoch: 0n, members: home.genesis },
    anchors: [manufacturer, cloud].map((maker) => insecureDevnetAnchor(maker.anchorSpkiSha256)),
    measurements: [measurement],
    apps: [{ name: 'app', id: app, manifest }],
    verifiers: [],
    nodes: [],
    policy: {
      tcbFloor: 0,
      tierMin: 0,
      tcbEvaluationDataNumber: 0,
      rootCrlNumber: 0n,
      pckCrlNumber: 0n,
    },
    depth,
  })
  writeFileSync(deploymentFile, manifestText)
  return {
    ...{
      folder,
      home,
      domain,
      manufacturer,
      cloud,
      measured,
      measurement,
      collateral,
      verifiers,
      deploymentFile,
    },
    deployment: deploymentOf(domain),
    stop: async () => {
      for (const verifier of verifiers) await verifier.close(0)
      await collateral.close()
      await home.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

/** What a test lives in. */
export type World = Awaited<ReturnType<typeof startWorld>>

let made = 0

/** An enclave's stand-in on a machine of this world. */
export function startEnclave(
  world: World,
  sandbox?: string,
  nitro?: NitroEnclave,
): Promise<EnclaveStandIn> {
  return startEnclaveStandIn({
    path: join(world.folder, `e${made++}`),
    domain: world.domain,
    nodeRegistry: world.home.contracts.nodeRegistry,
    platform: world.manufacturer.createPlatform({ machineSeed: new Uint8Array(16).fill(1) }),
    measured: world.measured,
    ...(sandbox === undefined ? {} : { sandbox }),
    ...(nitro === undefined ? {} : { nitro }),
  })
}

/** A host's configuration with a data folder and key file of its own. */
export function configOf(world: World, operator: HDAccount, enclaveIndex: number): HostConfig {
  const operatorKeyFile = join(world.folder, `key${made}`)
  createKeyFile(operatorKeyFile, new Secret(bytesToHex(operator.getHdKey().privateKey!)))
  return {
    production: false,
    insecureFaults: [],
    insecureRecordTraffic: undefined,
    deploymentFile: world.deploymentFile,
    chain: { url: undefined, fromBlock: 0, pollMs: 40 },
    operatorKeyFile,
    enclaveSocket: join(world.folder, `e${enclaveIndex}`),
    dataFolder: join(world.folder, `data${made++}`),
    listen: { host: '127.0.0.1', port: 0 },
    publicUrl: undefined,
    collateralUrls: { intel: world.collateral.url, amd: world.collateral.url },
    tags: 0,
    dutyJitterMs: 30,
    storeBytesMax: 1_000_000,
    partStores: [join(world.folder, 'owners-store')],
    log: { level: 'debug', format: 'human', path: undefined },
  }
}

/** Lines that hosts logged. */
export const logged: string[] = []

/** Starts a host and its enclave's stand-in, for `operators[0]` unless said. */
export async function startNode(
  world: World,
  options: { readonly faults?: Faults; readonly operator?: HDAccount } = {},
): Promise<{ readonly enclave: EnclaveStandIn; readonly host: Host; readonly config: HostConfig }> {
  const socket = made
  const enclave = await startEnclave(world)
  const config = configOf(world, options.operator ?? people.operators[0], socket)
  const host = await startHost(config, { log: testLog, faults: options.faults ?? {} })
  return { enclave, host, config }
}

/** Keeps lines for the tests, and prints them where CLOISTER_LOG is set. */
export const testLog = createLog({
  level: 'debug',
  format: 'human',
  write: (line) => {
    logged.push(line)
    if (process.env['CLOISTER_LOG'] !== undefined) console.error(line)
  },
})

/** Admits a node without a host, which keeps shares and is never drawn. */
export async function admitKeeper(
  { home, domain, measurement }: World,
  operator: HDAccount,
  machine: number,
): Promise<PrivateKeyAccount> {
  const account = privateKeyToAccount(generatePrivateKey())
  const beacon = await home.chain.block((await home.chain.block()).number - 1n)
  const admission: Admission = {
    operator: operator.address,
    receiptKey: account.address,
    shareKeyHash: keyHash(new Uint8Array(1216)),
    machineId: `0x${machine.toString(16).padStart(64, '0')}`,
    measurement,
    tcb: 0,
    tier: 0,
    tags: 0,
    expiry: beacon.timestamp + 86_400n,
    bundleDigest: zeroHash,
    appraisalDigest: zeroHash,
    beacon: beacon.hash,
    tee: 2,
  }
  const hash = messageDigest(domain, 'Admission', admission)
  const all = await Promise.all(people.verifiers.map((verifier) => verifier.sign({ hash })))
  const { nodeRegistry } = home.contracts
  const args = [admission, '', beacon.number, await sortSignatures(hash, all), '0x']
  await home.send(operator, nodeRegistry, nodeRegistryAbi, 'admit', args)
  await home.send(operator, nodeRegistry, nodeRegistryAbi, 'setPaused', [account.address, true])
  return account
}

/** Registers an asset of the owner's that the three operators keep. */
export async function registerAsset({ home, domain, deployment, measurement }: World) {
  const { owner } = people
  const salt = bytesToHex(crypto.getRandomValues(new Uint8Array(32)))
  const root = sha256(salt)
  const asset = assetId({ deployment, owner: owner.address, root, salt })
  const operators = people.operators.map(({ address }) => address)
  const commitments = [1, 2, 3].map((n) => sha256(`0x0${n}`))
  const policy: KeeperPolicy = {
    owner: owner.address,
    asset,
    measurements: [measurement],
    tcbFloor: 0,
    tierMin: 0,
    operators,
    expiry: 10_000_000_000n,
    releaseKey: zeroAddress,
    tees: 0b100,
  }
  const hash = messageDigest(domain, 'KeeperPolicy', policy)
  const register = (): Promise<unknown> =>
    home.send(owner, home.contracts.assetRegistry, assetRegistryAbi, 'register', [
      ...[root, salt, { commitments, operators, threshold: 2 }, hash, zeroHash],
    ])
  return {
    asset,
    root,
    salt,
    operators,
    commitments,
    policy,
    policySignature: await owner.sign({ hash }),
    register,
  }
}

/** A registered asset. */
export type TestAsset = Awaited<ReturnType<typeof registerAsset>>

let nonce = 0n

/** Places an order for one asset. */
export async function placeOrder(
  { home, domain, measurement }: World,
  { asset }: TestAsset,
  changes: Partial<Order> = {},
) {
  const { owner, requester } = people
  const { timestamp } = await home.chain.block()
  const grant: Grant = {
    version: 2,
    owner: owner.address,
    assets: [asset],
    apps: [app],
    measurements: [measurement],
    tcbFloor: 0,
    releaseKey: zeroAddress,
    tierMin: 0,
    tees: 0b100,
    anyNode: true,
    operators: [],
    anyRequester: true,
    requesters: [],
    purpose: 'test',
    priceWei: 0n,
    usesMax: 3,
    usesPerDay: 3,
    notBefore: timestamp - 10n,
    expiry: timestamp + 3000n,
    ownersMin: 1,
    recordsMin: 0,
    outputBytesMax: 200_000_000,
    outputFormats: 1,
    privacyRequired: false,
    epsilonMicros: 0n,
    deltaPicos: 0n,
    reviewKeyHash: zeroHash,
    nonce: nonce++,
  }
  const grantDigest = messageDigest(domain, 'Grant', grant)
  const grantSignature = await owner.sign({ hash: grantDigest })
  const order: Order = {
    requester: requester.address,
    app,
    assets: [asset],
    grants: [grantDigest],
    recipientKeyHash: sha256('0x01'),
    tierMin: 0,
    tags: 0,
    replicas: 1,
    feeWei: 1_000_000n,
    attemptSeconds: 600,
    attemptsMax: 1,
    expiry: timestamp + 3000n,
    nonce: nonce++,
    tees: 0b100,
    unitWei: 0n,
    epsilonMicros: 0n,
    deltaPicos: 0n,
    ...changes,
  }
  const orderDigest = messageDigest(domain, 'Order', order)
  const args = [order, [grant], [grantSignature]]
  await home.send(requester, home.contracts.market, marketAbi, 'place', args)
  return { task: taskId(orderDigest), order, orderDigest, grant, grantSignature }
}

/** The Market's record of a task. */
export function readTask({ home }: World, task: Hex) {
  return home.chain.read({
    address: home.contracts.market,
    abi: marketAbi,
    functionName: 'taskOf',
    args: [task],
  })
}

/** Mines blocks, one a time, until `condition` holds. */
export async function mineUntil(
  { home }: World,
  condition: () => Promise<boolean> | boolean,
  { seconds = 1, rounds = 200 }: { readonly seconds?: number; readonly rounds?: number } = {},
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    if (await condition()) return
    await rpc(home.url, 'evm_increaseTime', [seconds])
    await rpc(home.url, 'evm_mine', [])
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
  throw new Error(
    `It did not happen within ${rounds} blocks; the log ends: ${logged.slice(-8).join('\n')}`,
  )
}

async function rpc(url: string, method: string, params: readonly Json[]): Promise<void> {
  await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
}
