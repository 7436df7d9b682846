import { unixSeconds } from '@cloister/codec'
import { createManufacturer, type Manufacturer } from '@cloister/emulator'
import {
  appRegistryAbi,
  assetRegistryAbi,
  cloisterDomain,
  encodeDeployment,
  ledgerAbi,
  messageDigest,
  nodeRegistryAbi,
  parseDeployment,
  stakingAbi,
  tokenAbi,
  type Contracts,
  type Deployment,
  type Domain,
} from '@cloister/protocol'
import { insecureDevnetAnchor } from '@cloister/attest'
import { parseEther, sha256, type Abi, type Address, type Hex, type LocalAccount } from 'viem'

import { checkManifest, connect, type App, type Client, type ConnectOptions } from '../src/index.ts'
import {
  deployHome,
  deploySpoke,
  governance,
  person,
  startChain,
  type TestChain,
} from './contracts.ts'
import { approvedRegisters, measurementOf, startNode, type TestNode } from './keeper-node.ts'
import { startVerifier, type TestVerifier } from './verifier-node.ts'
import { serveManifest, trainManifest } from './manifest.ts'

/** A deployment on real chains, with nodes and verifiers that answer over HTTP. */
export type World = {
  readonly home: TestChain
  readonly spoke: TestChain
  readonly contracts: Contracts
  readonly manufacturer: Manufacturer
  readonly deployment: Deployment
  readonly manifest: string
  readonly domain: Domain
  readonly nodes: readonly TestNode[]
  readonly verifiers: readonly TestVerifier[]
  readonly owner: LocalAccount
  readonly requester: LocalAccount
  readonly stranger: LocalAccount
  readonly client: (account: LocalAccount, more?: Partial<ConnectOptions>) => Promise<Client>
  /** Sends a transaction of somebody's and waits for it. */
  readonly send: (
    from: LocalAccount,
    call: { address: Address; abi: Abi; functionName: string; args: readonly unknown[] },
  ) => Promise<Hex>
  readonly deploymentId: () => Promise<Hex>
  readonly rootOf: (asset: Hex) => Promise<Hex>
  readonly close: () => Promise<void>
}

const homeChainId = 31337
const spokeChainId = 31338

/** Starts everything: two chains, the contracts, three admitted nodes, four verifiers. */
export async function startWorld(): Promise<World> {
  const [home, spoke] = await Promise.all([startChain(homeChainId), startChain(spokeChainId)])
  const verifierAccounts = [person(5), person(6), person(7), person(8)].toSorted((a, b) =>
    a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1,
  )
  const genesis = verifierAccounts.map((account) => account.address)
  const contracts = await deployHome(home, genesis)
  const spokeContracts = await deploySpoke(spoke, homeChainId, genesis)
  const domain = cloisterDomain(homeChainId, contracts.ledger)
  const now = unixSeconds(Math.floor(Date.now() / 1000) - 60)
  const manufacturer = createManufacturer({ seed: new Uint8Array(32).fill(9), now })
  const nodes = await Promise.all(
    [1, 2, 3].map((index) => startNode(index, manufacturer, person(index), () => domain)),
  )
  const spokeDomain = cloisterDomain(spokeChainId, spokeContracts.spokePayout)
  const verifiers = await Promise.all(
    verifierAccounts.map((account) =>
      startVerifier(account, { home, domain, spokeDomain, contracts, spokeChainId }),
    ),
  )
  const apps = [trainManifest, serveManifest].map(checkManifest)
  const deployment: Deployment = {
    format: 'cloister-deployment/1',
    home: { chainId: homeChainId, rpcUrl: home.url, contracts },
    spokes: [{ chainId: spokeChainId, rpcUrl: spoke.url, contracts: spokeContracts }],
    genesisCommittee: { epoch: 0n, members: genesis },
    anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)],
    measurements: [measurementOf(approvedRegisters)],
    apps: [trainManifest, serveManifest].map((manifest) => {
      const { id, manifest: read } = checkManifest(manifest)
      return { name: read.name, id, manifest }
    }),
    verifiers: verifiers.map(({ account, url }) => ({ address: account.address, url })),
    nodes: nodes.map(({ operator, url }) => ({ operator: operator.address, url })),
    policy: {
      tcbFloor: 0,
      tierMin: 0,
      tcbEvaluationDataNumber: 18,
      rootCrlNumber: 1n,
      pckCrlNumber: 1n,
    },
    depth: 2,
  }
  const send: World['send'] = async (from, call) => {
    const hash = await home.client.writeContract({ ...call, account: from, chain: null })
    const receipt = await home.client.waitForTransactionReceipt({ hash })
    if (receipt.status !== 'success') throw new Error(`${call.functionName} was reverted`)
    return hash
  }
  await govern(send, contracts, apps, spokeContracts.spokePayout)
  for (const account of [...verifierAccounts, ...nodes.map((node) => node.operator)])
    await send(account, {
      address: contracts.staking,
      abi: stakingAbi,
      functionName: 'bond',
      args: [parseEther('100')],
    })
  for (const node of nodes) await admit(home, send, domain, contracts, node, verifierAccounts)
  const manifest = encodeDeployment(parseDeployment(encodeDeployment(deployment)))
  return {
    home,
    spoke,
    contracts,
    manufacturer,
    deployment,
    manifest,
    domain,
    nodes,
    verifiers,
    owner: person(10),
    requester: person(11),
    stranger: person(12),
    client: (account, more = {}) => connect({ deployment: manifest, account, ...more }),
    send,
    deploymentId: () =>
      home.client.readContract({
        address: contracts.ledger,
        abi: ledgerAbi,
        functionName: 'deployment',
      }),
    rootOf: async (asset) => {
      const found = await home.client.readContract({
        address: contracts.assetRegistry,
        abi: assetRegistryAbi,
        functionName: 'assetOf',
        args: [asset],
      })
      return found.root
    },
    close: async () => {
      await Promise.all([...nodes, ...verifiers].map((part) => part.close()))
      await Promise.all([home.child.kill(), spoke.child.kill()])
    },
  }
}

async function govern(
  send: World['send'],
  contracts: Contracts,
  apps: readonly App[],
  spokePayout: Address,
): Promise<void> {
  const { token, ledger, appRegistry } = contracts
  const amount = parseEther('1000')
  const everybody = Array.from({ length: 13 }, (_, index) => person(index).address).slice(1)
  await send(governance, {
    address: token,
    abi: tokenAbi,
    functionName: 'approve',
    args: [ledger, amount * 20n],
  })
  for (const account of everybody)
    if (account !== person(11).address)
      await send(governance, {
        address: ledger,
        abi: ledgerAbi,
        functionName: 'depositFor',
        args: [account, amount],
      })
  await send(governance, {
    address: token,
    abi: tokenAbi,
    functionName: 'transfer',
    args: [person(11).address, amount],
  })
  await send(governance, {
    address: ledger,
    abi: ledgerAbi,
    functionName: 'openSpoke',
    args: [BigInt(spokeChainId), spokePayout],
  })
  for (const { id } of apps)
    await send(governance, {
      address: appRegistry,
      abi: appRegistryAbi,
      functionName: 'setApp',
      args: [id, 1],
    })
  const measurement = measurementOf(approvedRegisters)
  await send(governance, {
    address: appRegistry,
    abi: appRegistryAbi,
    functionName: 'setMeasurement',
    args: [measurement, true],
  })
}

async function admit(
  home: TestChain,
  send: World['send'],
  domain: Domain,
  contracts: Contracts,
  node: TestNode,
  committee: readonly LocalAccount[],
): Promise<void> {
  const beacon = await home.client.getBlock()
  const admission = {
    operator: node.operator.address,
    receiptKey: node.receiptAccount.address,
    shareKeyHash: sha256(node.shareKeys.publicKey),
    machineId: node.machineId,
    measurement: measurementOf(approvedRegisters),
    tcb: 0,
    tier: 0,
    tags: 0,
    expiry: beacon.timestamp + 86_400n,
    bundleDigest: sha256('0x01'),
    appraisalDigest: sha256('0x02'),
    beacon: beacon.hash,
    tee: 2,
  }
  const hash = messageDigest(domain, 'Admission', admission)
  const signatures = await Promise.all(
    committee.slice(0, 3).map(async (member) => member.sign?.({ hash })),
  )
  await home.client.mine({ blocks: 1 })
  await send(node.operator, {
    address: contracts.nodeRegistry,
    abi: nodeRegistryAbi,
    functionName: 'admit',
    args: [admission, node.url, beacon.number, signatures, '0x'],
  })
}
