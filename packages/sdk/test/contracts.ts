import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import { startChild, type Child } from '@cloister/io'
import {
  appRegistryAbi,
  assetRegistryAbi,
  committeeAbi,
  grantBookAbi,
  ledgerAbi,
  marketAbi,
  nodeRegistryAbi,
  keeperDutyAbi,
  releaseKeysAbi,
  settlementAbi,
  spokePayoutAbi,
  stakingAbi,
  tokenAbi,
  type Contracts,
} from '@cloister/protocol'
import {
  createTestClient,
  encodeDeployData,
  http,
  parseEther,
  publicActions,
  walletActions,
  type Address,
  type Hex,
  type LocalAccount,
} from 'viem'
import { mnemonicToAccount } from 'viem/accounts'

// The compiled contracts have no package that tests of a library may import by name.
import {
  appRegistryBytecode,
  assetRegistryBytecode,
  committeeBytecode,
  grantBookBytecode,
  ledgerBytecode,
  marketBytecode,
  nodeRegistryBytecode,
  keeperDutyBytecode,
  releaseKeysBytecode,
  settlementBytecode,
  spokePayoutBytecode,
  stakingBytecode,
  tokenBytecode,
} from '../../devnet/src/generated/bytecode.ts'

const mnemonic = 'test test test test test test test test test test test junk'

/** Anvil's funded account number `index`. Its key is public. */
export function person(index: number): LocalAccount {
  return mnemonicToAccount(mnemonic, { addressIndex: index })
}

/** Who owns and funds everything. */
export const governance = person(0)

const client = (url: string) =>
  createTestClient({ mode: 'anvil', transport: http(url) })
    .extend(publicActions)
    .extend(walletActions)

/** A real chain that mines each transaction at once. */
export type TestChain = {
  readonly url: string
  readonly client: ReturnType<typeof client>
  readonly child: Child
}

/** Starts a chain on a free port. */
export async function startChain(chainId: number): Promise<TestChain> {
  const require = createRequire(import.meta.url)
  const folder = dirname(require.resolve('@foundry-rs/anvil-linux-amd64/package.json'))
  const child = await startChild({
    name: 'anvil',
    command: join(folder, 'bin', 'anvil'),
    args: [
      ['--host', '127.0.0.1', '--port', '0', '--chain-id', String(chainId)],
      ['--gas-limit', '120000000', '--accounts', '20'],
    ].flat(),
    env: {},
    readyMs: 20_000,
    readyLine: (line) => /^Listening on (\S+:\d+)$/.exec(line.trim())?.[1],
  })
  const url = `http://${JSON.stringify(child.ready).slice(1, -1)}`
  return { url, client: client(url), child }
}

/** What the market and settlement of these tests ask for. */
export const terms = {
  verifierStakeWei: parseEther('100'),
  nodeStakeWei: parseEther('50'),
  feeMinWei: parseEther('1'),
  challengeSeconds: 3n,
} as const

/** Deploys the home chain's contracts. */
export async function deployHome(
  chain: TestChain,
  genesis: readonly Address[],
): Promise<Contracts> {
  const owner = governance.address
  const put = (data: Hex) => create(chain, data)
  const token = await put(
    encodeDeployData({
      abi: tokenAbi,
      bytecode: tokenBytecode,
      args: [owner, parseEther('1000000')],
    }),
  )
  const ledger = await put(
    encodeDeployData({ abi: ledgerAbi, bytecode: ledgerBytecode, args: [token, owner] }),
  )
  const staking = await put(
    encodeDeployData({ abi: stakingAbi, bytecode: stakingBytecode, args: [ledger, 700n] }),
  )
  const committee = await put(
    encodeDeployData({
      abi: committeeAbi,
      bytecode: committeeBytecode,
      args: [ledger, staking, genesis, terms.verifierStakeWei],
    }),
  )
  const appRegistry = await put(
    encodeDeployData({ abi: appRegistryAbi, bytecode: appRegistryBytecode, args: [owner] }),
  )
  const assetRegistry = await put(
    encodeDeployData({ abi: assetRegistryAbi, bytecode: assetRegistryBytecode, args: [ledger] }),
  )
  const nodeRegistry = await put(
    encodeDeployData({
      abi: nodeRegistryAbi,
      bytecode: nodeRegistryBytecode,
      args: [ledger, staking, committee, appRegistry, terms.nodeStakeWei],
    }),
  )
  const releaseKeys = await put(
    encodeDeployData({ abi: releaseKeysAbi, bytecode: releaseKeysBytecode, args: [ledger] }),
  )
  const grantBook = await put(
    encodeDeployData({
      abi: grantBookAbi,
      bytecode: grantBookBytecode,
      args: [ledger, assetRegistry, releaseKeys],
    }),
  )
  const core = [
    ledger,
    staking,
    committee,
    appRegistry,
    assetRegistry,
    grantBook,
    nodeRegistry,
  ] as const
  const bounds = {
    feeMinWei: terms.feeMinWei,
    missWei: parseEther('10'),
    attemptSecondsMin: 5,
    attemptSecondsMax: 600,
    orderSecondsMax: 3600,
  }
  const market = await put(
    encodeDeployData({ abi: marketAbi, bytecode: marketBytecode, args: [...core, bounds] }),
  )
  const slashes = {
    judgeSeconds: 20n,
    challengeSeconds: terms.challengeSeconds,
    forgedReceiptWei: parseEther('20'),
    equivocationWei: parseEther('20'),
    falseVoteWei: parseEther('20'),
  }
  const settlement = await put(
    encodeDeployData({
      abi: settlementAbi,
      bytecode: settlementBytecode,
      args: [ledger, staking, committee, nodeRegistry, market, slashes],
    }),
  )
  const keeperDuty = await put(
    encodeDeployData({
      abi: keeperDutyAbi,
      bytecode: keeperDutyBytecode,
      args: [
        ...([ledger, staking, assetRegistry, nodeRegistry, market] as const),
        { answerSeconds: 10n, lapseSeconds: 10n, depositWei: 1n, lapseWei: parseEther('1') },
      ],
    }),
  )
  const modules = { staking, nodeRegistry, market, settlement, keeperDuty }
  await chain.client.writeContract({
    account: governance,
    chain: null,
    address: ledger,
    abi: ledgerAbi,
    functionName: 'sealModules',
    args: [modules],
  })
  return {
    token,
    ledger,
    staking,
    committee,
    appRegistry,
    assetRegistry,
    nodeRegistry,
    releaseKeys,
    grantBook,
    market,
    settlement,
    keeperDuty,
  }
}

/** Deploys a spoke's payout contract and its token. */
export async function deploySpoke(
  chain: TestChain,
  homeChainId: number,
  genesis: readonly Address[],
) {
  const spokePayout = await create(
    chain,
    encodeDeployData({
      abi: spokePayoutAbi,
      bytecode: spokePayoutBytecode,
      args: [BigInt(homeChainId), 0n, genesis],
    }),
  )
  const call = { address: spokePayout, abi: spokePayoutAbi } as const
  const token = await chain.client.readContract({ ...call, functionName: 'token' })
  return { token, spokePayout }
}

async function create({ client: chain }: TestChain, data: Hex): Promise<Address> {
  const hash = await chain.sendTransaction({ account: governance, chain: null, data })
  const { contractAddress } = await chain.waitForTransactionReceipt({ hash })
  if (typeof contractAddress !== 'string') throw new Error('The chain made no contract')
  return contractAddress
}
