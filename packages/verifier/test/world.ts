import { createRequire } from 'node:module'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import type { DevnetAnchor } from '@cloister/attest'
import type { Manufacturer } from '@cloister/emulator'
import type { Json } from '@cloister/codec'
import { Chain, fetchJson, startChild, type Child } from '@cloister/io'
import {
  appId,
  appRegistryAbi,
  assetId,
  assetRegistryAbi,
  cloisterDomain,
  committeeAbi,
  deploymentOf,
  errorsAbi,
  grantBookAbi,
  keyHash,
  ledgerAbi,
  marketAbi,
  nodeRegistryAbi,
  keeperDutyAbi,
  releaseKeysAbi,
  settlementAbi,
  stakingAbi,
  tokenAbi,
  type Contracts,
  type Domain,
} from '@cloister/protocol'
import {
  encodeDeployData,
  encodeFunctionData,
  parseEther,
  toHex,
  type Address,
  type Hex,
  type PrivateKeyAccount,
} from 'viem'
import { mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'

import * as bytecode from '../../devnet/src/generated/bytecode.ts'
import {
  addresses,
  makeMaker,
  makeNode,
  makeShares,
  manifest,
  measurement,
  named,
  sign,
  type TestAsset,
  type TestNode,
} from './attempt.ts'

/** How long judging and challenging take on a test's chain. */
export const terms = { judgeSeconds: 12n, challengeSeconds: 3n, unbondSeconds: 3_600n } as const
export const stakeWei = parseEther('100')
export const feeWei = parseEther('10')

/** A chain with everything deployed, funded and bonded, three admitted nodes and two registered assets. */
export type World = {
  readonly chain: Chain
  readonly url: string
  readonly contracts: Contracts
  readonly domain: Domain
  readonly deployment: Hex
  readonly manufacturer: Manufacturer
  readonly anchor: DevnetAnchor
  readonly governance: PrivateKeyAccount
  readonly operators: readonly PrivateKeyAccount[]
  readonly committee: readonly PrivateKeyAccount[]
  readonly owner: PrivateKeyAccount
  readonly requester: PrivateKeyAccount
  readonly nodes: readonly TestNode[]
  readonly assets: readonly TestAsset[]
  readonly app: Hex
  readonly folder: string
  readonly send: (account: PrivateKeyAccount, to: Address, data: Hex) => Promise<void>
  readonly stop: () => Promise<void>
}

export const chainId = 31337

/** Keys of anvil's own accounts: public and worthless. */
export function privateKey(index: number): Hex {
  const hd = mnemonicToAccount('test test test test test test test test test test test junk', {
    addressIndex: index,
  })
  return toHex(hd.getHdKey().privateKey!)
}

/** Accounts 1 to 3 are operators, 4 to 7 verifiers, 8 the owner, 9 the requester, 10 on are free. */
export function account(index: number): PrivateKeyAccount {
  return privateKeyToAccount(privateKey(index))
}

export async function startAnvil(id: number): Promise<Child> {
  const require = createRequire(import.meta.url)
  const home = dirname(require.resolve('@foundry-rs/anvil-linux-amd64/package.json'))
  return startChild({
    name: 'anvil',
    command: join(home, 'bin', 'anvil'),
    args: [
      ...['--host', '127.0.0.1', '--port', '0', '--chain-id', String(id)],
      ...['--accounts', '14', '--slots-in-an-epoch', '1', '--gas-limit', '120000000'],
    ],
    env: { HOME: process.env['HOME'] ?? '/tmp' },
    readyMs: 20_000,
    readyLine: (line) => /Listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1],
  })
}

/** Where a chain answers. */
export function addressOf(anvil: Child): string {
  return `http://${typeof anvil.ready === 'string' ? anvil.ready : ''}`
}

/** Calls a method of anvil's own. */
export async function callAnvil(
  url: string,
  method: string,
  params: readonly Json[],
): Promise<void> {
  await fetchJson(url, { json: { jsonrpc: '2.0', id: 1, method, params } })
}

/** @param members how many verifiers sit in the committee. */
export async function makeWorld(
  members = 4,
  changed: Partial<Record<keyof typeof terms, bigint>> = {},
): Promise<World> {
  const child = await startAnvil(chainId)
  const url = addressOf(child)
  const chain = await Chain.connect({ url, chainId, errors: errorsAbi, pollMs: 50 })
  const governance = account(0)
  const operators = [1, 2, 3].map(account)
  const committee = [4, 5, 6, 7].slice(0, members).map(account)
  const owner = account(8)
  const requester = account(9)
  const contracts = await deploy(chain, governance, addresses(committee), changed)
  const domain = cloisterDomain(chainId, contracts.ledger)
  const deployment = deploymentOf(domain)
  const send = async (from: PrivateKeyAccount, to: Address, data: Hex): Promise<void> => {
    await chain.sender(from).transact({ to, data }, 'send')
  }
  await fund(chain, contracts, governance, [...operators, ...committee, requester])
  for (const each of [...operators, ...committee])
    await send(
      each,
      contracts.staking,
      encodeFunctionData({ abi: stakingAbi, functionName: 'bond', args: [stakeWei] }),
    )
  const head = await chain.block()
  const { manufacturer, anchor } = makeMaker(Number(head.timestamp) - 3_600)
  const app = appId(manifest)
  for (const data of [
    encodeFunctionData({ abi: appRegistryAbi, functionName: 'setApp', args: [app, 1] }),
    encodeFunctionData({
      abi: appRegistryAbi,
      functionName: 'setMeasurement',
      args: [measurement, true],
    }),
  ])
    await send(governance, contracts.appRegistry, data)
  const nodes = operators.map((operator, i) => makeNode(manufacturer, `n${i}`, operator))
  const core = { chain, contracts, domain, committee, send }
  for (const node of nodes) await admit(core, node)
  const assets = await registerAssets(core, deployment, owner, operators)
  await callAnvil(url, 'evm_setIntervalMining', [1])
  const folder = mkdtempSync(join(tmpdir(), 'cloister-verifier-'))
  return {
    ...{ chain, url, contracts, domain, deployment, manufacturer, anchor, governance, operators },
    ...{ committee, owner, requester, nodes, assets, app, folder, send },
    stop: async () => {
      await child.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

type Core = Pick<World, 'chain' | 'contracts' | 'domain' | 'committee' | 'send'>

async function deploy(
  chain: Chain,
  governance: PrivateKeyAccount,
  genesis: readonly Address[],
  changed: Partial<Record<keyof typeof terms, bigint>>,
): Promise<Contracts> {
  const { judgeSeconds, challengeSeconds, unbondSeconds } = { ...terms, ...changed }
  const create = async (data: Hex): Promise<Address> => {
    const receipt = await chain.sender(governance).transact({ data }, 'deploy')
    return receipt.contractAddress!
  }
  const token = await create(
    encodeDeployData({
      abi: tokenAbi,
      bytecode: bytecode.tokenBytecode,
      args: [governance.address, parseEther('1000000')],
    }),
  )
  const ledger = await create(
    encodeDeployData({
      abi: ledgerAbi,
      bytecode: bytecode.ledgerBytecode,
      args: [token, governance.address],
    }),
  )
  const staking = await create(
    encodeDeployData({
      abi: stakingAbi,
      bytecode: bytecode.stakingBytecode,
      args: [ledger, unbondSeconds],
    }),
  )
  const committee = await create(
    encodeDeployData({
      abi: committeeAbi,
      bytecode: bytecode.committeeBytecode,
      args: [ledger, staking, genesis, stakeWei],
    }),
  )
  const appRegistry = await create(
    encodeDeployData({
      abi: appRegistryAbi,
      bytecode: bytecode.appRegistryBytecode,
      args: [governance.address],
    }),
  )
  const assetRegistry = await create(
    encodeDeployData({
      abi: assetRegistryAbi,
      bytecode: bytecode.assetRegistryBytecode,
      args: [ledger],
    }),
  )
  const nodeRegistry = await create(
    encodeDeployData({
      abi: nodeRegistryAbi,
      bytecode: bytecode.nodeRegistryBytecode,
      args: [ledger, staking, committee, appRegistry, stakeWei / 2n],
    }),
  )
  const releaseKeys = await create(
    encodeDeployData({
      abi: releaseKeysAbi,
      bytecode: bytecode.releaseKeysBytecode,
      args: [ledger],
    }),
  )
  const grantBook = await create(
    encodeDeployData({
      abi: grantBookAbi,
      bytecode: bytecode.grantBookBytecode,
      args: [ledger, assetRegistry, releaseKeys],
    }),
  )
  const market = await create(
    encodeDeployData({
      abi: marketAbi,
      bytecode: bytecode.marketBytecode,
      args: [
        ...([ledger, staking, committee, appRegistry, assetRegistry, grantBook] as const),
        nodeRegistry,
        {
          feeMinWei: 1n,
          missWei: 1n,
          attemptSecondsMin: 5,
          attemptSecondsMax: 600,
          orderSecondsMax: 3600,
        },
      ],
    }),
  )
  const settlement = await create(
    encodeDeployData({
      abi: settlementAbi,
      bytecode: bytecode.settlementBytecode,
      args: [
        ...([ledger, staking, committee, nodeRegistry, market] as const),
        {
          ...{ judgeSeconds, challengeSeconds },
          forgedReceiptWei: stakeWei / 4n,
          equivocationWei: stakeWei / 2n,
          falseVoteWei: stakeWei / 2n,
        },
      ],
    }),
  )
  const duty = { answerSeconds: 10n, lapseSeconds: 10n, depositWei: 1n, lapseWei: 1n }
  const args = [ledger, staking, assetRegistry, nodeRegistry, market, duty] as const
  const { keeperDutyBytecode: code } = bytecode
  const data = encodeDeployData({ abi: keeperDutyAbi, bytecode: code, args })
  const keeperDuty = await create(data)
  await chain.sender(governance).sendAndWait({
    address: ledger,
    abi: ledgerAbi,
    functionName: 'sealModules',
    args: [{ staking, nodeRegistry, market, settlement, keeperDuty }],
  })
  const registries = { appRegistry, assetRegistry, nodeRegistry, releaseKeys, keeperDuty }
  return { token, ledger, staking, committee, ...registries, grantBook, market, settlement }
}

/** Gives accounts something to bond. */
export async function fund(
  chain: Chain,
  { token, ledger }: Contracts,
  governance: PrivateKeyAccount,
  accounts: readonly PrivateKeyAccount[],
): Promise<void> {
  const sender = chain.sender(governance)
  await sender.sendAndWait({
    address: token,
    abi: tokenAbi,
    functionName: 'approve',
    args: [ledger, stakeWei * 100n],
  })
  for (const { address } of accounts)
    await sender.sendAndWait({
      address: ledger,
      abi: ledgerAbi,
      functionName: 'depositFor',
      args: [address, stakeWei * 2n],
    })
}

async function admit(
  { chain, contracts, domain, committee, send }: Core,
  node: TestNode,
): Promise<void> {
  const beacon = await chain.block()
  const admission = {
    operator: node.operator.address,
    receiptKey: node.key.address,
    shareKeyHash: keyHash(new Uint8Array(1216)),
    machineId: node.machineId,
    measurement,
    tcb: 0,
    tier: 0,
    tags: 0,
    expiry: beacon.timestamp + 86_400n,
    bundleDigest: named('bundle'),
    appraisalDigest: named('appraisal'),
    beacon: beacon.hash,
    tee: 2,
  }
  const signatures = await quorumOf(committee, (each) => sign(each, domain, 'Admission', admission))
  await send(
    node.operator,
    contracts.nodeRegistry,
    encodeFunctionData({
      abi: nodeRegistryAbi,
      functionName: 'admit',
      args: [admission, '', beacon.number, signatures, '0x'],
    }),
  )
}

/** Signatures of all members, ascending by signer. */
export async function quorumOf(
  committee: readonly PrivateKeyAccount[],
  signOne: (member: PrivateKeyAccount) => Promise<Hex>,
): Promise<readonly Hex[]> {
  const sorted = committee.toSorted((a, b) =>
    a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1,
  )
  return Promise.all(sorted.map(signOne))
}

async function registerAssets(
  { contracts, send }: Core,
  deployment: Hex,
  owner: PrivateKeyAccount,
  operators: readonly PrivateKeyAccount[],
): Promise<readonly TestAsset[]> {
  const assets: TestAsset[] = []
  for (const name of ['model', 'record']) {
    const root = named(`root/${name}`)
    const salt = named(`salt/${name}`)
    const shares = makeShares(
      name,
      operators.map(({ address }) => address),
    )
    await send(
      owner,
      contracts.assetRegistry,
      encodeFunctionData({
        abi: assetRegistryAbi,
        functionName: 'register',
        args: [root, salt, shares, named('policy'), named('metadata')],
      }),
    )
    const id = assetId({ deployment, owner: owner.address, root, salt })
    assets.push({ id, owner, root, salt, shares })
  }
  return assets
}
