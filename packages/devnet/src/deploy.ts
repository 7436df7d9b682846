import { OperationError } from '@cloister/codec'
import type { Chain } from '@cloister/io'
import {
  appRegistryAbi,
  assetRegistryAbi,
  committeeAbi,
  grantBookAbi,
  keeperDutyAbi,
  ledgerAbi,
  marketAbi,
  nodeRegistryAbi,
  releaseKeysAbi,
  settlementAbi,
  spokePayoutAbi,
  stakingAbi,
  tokenAbi,
  type Contracts,
} from '@cloister/protocol'
import {
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  parseEther,
  type Address,
  type Hex,
} from 'viem'

import { sendBatch, type Call } from './batch.ts'
import { accountOf, roles } from './accounts.ts'
import {
  appRegistryBytecode,
  assetRegistryBytecode,
  committeeBytecode,
  grantBookBytecode,
  keeperDutyBytecode,
  ledgerBytecode,
  marketBytecode,
  nodeRegistryBytecode,
  releaseKeysBytecode,
  settlementBytecode,
  spokePayoutBytecode,
  stakingBytecode,
  tokenBytecode,
} from './generated/bytecode.ts'

/** What a devnet's contracts ask for: seconds where a real deployment has hours or days. */
export const devnetTerms = {
  supplyWei: parseEther('1000000000'),
  unbondSeconds: 900n,
  verifierStakeWei: parseEther('10000'),
  nodeStakeWei: parseEther('5000'),
  feeMinWei: parseEther('1'),
  /** What a silent node pays. */
  missWei: parseEther('100'),
  attemptSecondsMin: 5,
  attemptSecondsMax: 600,
  orderSecondsMax: 3600,
  judgeSeconds: 20n,
  challengeSeconds: 3n,
  forgedReceiptWei: parseEther('2500'),
  equivocationWei: parseEther('5000'),
  falseVoteWei: parseEther('5000'),
  /** How long a keeper has for an answer on chain, and how long its silence can be held against it after that. */
  answerSeconds: 10n,
  lapseSeconds: 10n,
  /** What asking a keeper on chain costs, in the chain's own coin: more than the gas of an answer. */
  depositWei: parseEther('0.01'),
  /** What a keeper's silence costs. */
  lapseWei: parseEther('50'),
} as const

/** Addresses of a spoke's contracts. */
export type SpokeContracts = { readonly token: Address; readonly spokePayout: Address }

/**
 * Deploys the home chain's contracts in one block's worth of transactions and seals the Ledger's modules.
 *
 * @param genesis the first committee, ascending by address.
 */
export async function deployHome(chain: Chain, genesis: readonly Address[]): Promise<Contracts> {
  const governance = accountOf('governance')
  const terms = devnetTerms
  const plan = new DeployPlan(governance.address, await nonceOf(chain, governance.address))
  const token = plan.create(
    encodeDeployData({
      abi: tokenAbi,
      bytecode: tokenBytecode,
      args: [governance.address, terms.supplyWei],
    }),
  )
  const ledger = plan.create(
    encodeDeployData({
      abi: ledgerAbi,
      bytecode: ledgerBytecode,
      args: [token, governance.address],
    }),
  )
  const staking = plan.create(
    encodeDeployData({
      abi: stakingAbi,
      bytecode: stakingBytecode,
      args: [ledger, terms.unbondSeconds],
    }),
  )
  const committee = plan.create(
    encodeDeployData({
      abi: committeeAbi,
      bytecode: committeeBytecode,
      args: [ledger, staking, genesis, terms.verifierStakeWei],
    }),
  )
  const appRegistry = plan.create(
    encodeDeployData({
      abi: appRegistryAbi,
      bytecode: appRegistryBytecode,
      args: [governance.address],
    }),
  )
  const assetRegistry = plan.create(
    encodeDeployData({ abi: assetRegistryAbi, bytecode: assetRegistryBytecode, args: [ledger] }),
  )
  const core = { token, ledger, staking, committee, appRegistry, assetRegistry }
  const contracts = { ...core, ...planMarket(plan, core) }
  const { nodeRegistry, market, settlement, keeperDuty } = contracts
  plan.call(
    ledger,
    encodeFunctionData({
      abi: ledgerAbi,
      functionName: 'sealModules',
      args: [{ staking, nodeRegistry, market, settlement, keeperDuty }],
    }),
  )
  await sendBatch(chain, governance, plan.calls)
  await requireCode(chain, Object.values(contracts))
  return contracts
}

/** Deploys a spoke's token and payout contract. */
export async function deploySpoke(
  chain: Chain,
  homeChainId: number,
  genesis: readonly Address[],
): Promise<SpokeContracts> {
  const governance = accountOf('governance')
  const plan = new DeployPlan(governance.address, await nonceOf(chain, governance.address))
  const spokePayout = plan.create(
    encodeDeployData({
      abi: spokePayoutAbi,
      bytecode: spokePayoutBytecode,
      args: [BigInt(homeChainId), 0n, genesis],
    }),
  )
  await sendBatch(chain, governance, plan.calls)
  await requireCode(chain, [spokePayout])
  const token = await chain.read({
    address: spokePayout,
    abi: spokePayoutAbi,
    functionName: 'token',
  })
  return { token, spokePayout }
}

/** Gives everybody tokens in the Ledger, has operators and verifiers bond theirs, and opens the spoke. */
export async function fundAccounts(
  chain: Chain,
  contracts: Contracts,
  spoke: { readonly chainId: number; readonly spokePayout: Address },
): Promise<void> {
  const { ledger, token, staking } = contracts
  const amountWei = devnetTerms.verifierStakeWei * 2n
  const others = roles.filter((role) => role !== 'governance')
  const ledgerCall = (data: Hex): Call => ({ to: ledger, data })
  await sendBatch(chain, accountOf('governance'), [
    {
      to: token,
      data: encodeFunctionData({
        abi: tokenAbi,
        functionName: 'approve',
        args: [ledger, amountWei * BigInt(others.length)],
      }),
    },
    ...others.map((role) =>
      ledgerCall(
        encodeFunctionData({
          abi: ledgerAbi,
          functionName: 'depositFor',
          args: [accountOf(role).address, amountWei],
        }),
      ),
    ),
    ledgerCall(
      encodeFunctionData({
        abi: ledgerAbi,
        functionName: 'openSpoke',
        args: [BigInt(spoke.chainId), spoke.spokePayout],
      }),
    ),
  ])
  await Promise.all(
    roles
      .filter((role) => role.startsWith('verifier') || role.startsWith('operator'))
      .map((role) =>
        sendBatch(chain, accountOf(role), [
          {
            to: staking,
            data: encodeFunctionData({
              abi: stakingAbi,
              functionName: 'bond',
              args: [devnetTerms.verifierStakeWei],
            }),
          },
        ]),
      ),
  )
}

function planMarket(
  plan: DeployPlan,
  core: Pick<Contracts, 'ledger' | 'staking' | 'committee' | 'appRegistry' | 'assetRegistry'>,
): Omit<Contracts, keyof typeof core | 'token'> {
  const { ledger, staking, committee, appRegistry, assetRegistry } = core
  const { feeMinWei, missWei, attemptSecondsMin, attemptSecondsMax, orderSecondsMax } = devnetTerms
  const { judgeSeconds, challengeSeconds, forgedReceiptWei, equivocationWei, falseVoteWei } =
    devnetTerms
  const nodeRegistry = plan.create(
    encodeDeployData({
      abi: nodeRegistryAbi,
      bytecode: nodeRegistryBytecode,
      args: [ledger, staking, committee, appRegistry, devnetTerms.nodeStakeWei],
    }),
  )
  const releaseKeys = plan.create(
    encodeDeployData({ abi: releaseKeysAbi, bytecode: releaseKeysBytecode, args: [ledger] }),
  )
  const grantBook = plan.create(
    encodeDeployData({
      abi: grantBookAbi,
      bytecode: grantBookBytecode,
      args: [ledger, assetRegistry, releaseKeys],
    }),
  )
  const market = plan.create(
    encodeDeployData({
      abi: marketAbi,
      bytecode: marketBytecode,
      args: [
        ...([ledger, staking, committee, appRegistry, assetRegistry, grantBook] as const),
        nodeRegistry,
        { feeMinWei, missWei, attemptSecondsMin, attemptSecondsMax, orderSecondsMax },
      ],
    }),
  )
  const settlement = plan.create(
    encodeDeployData({
      abi: settlementAbi,
      bytecode: settlementBytecode,
      args: [
        ...([ledger, staking, committee, nodeRegistry, market] as const),
        { judgeSeconds, challengeSeconds, forgedReceiptWei, equivocationWei, falseVoteWei },
      ],
    }),
  )
  const keeperDuty = planKeeperDuty(plan, { ...core, nodeRegistry, market })
  return { nodeRegistry, releaseKeys, grantBook, market, settlement, keeperDuty }
}

function planKeeperDuty(
  plan: DeployPlan,
  known: Pick<Contracts, 'ledger' | 'staking' | 'assetRegistry' | 'nodeRegistry' | 'market'>,
): Address {
  const { ledger, staking, assetRegistry, nodeRegistry, market } = known
  const { answerSeconds, lapseSeconds, depositWei, lapseWei } = devnetTerms
  return plan.create(
    encodeDeployData({
      abi: keeperDutyAbi,
      bytecode: keeperDutyBytecode,
      args: [
        ...([ledger, staking, assetRegistry, nodeRegistry, market] as const),
        { answerSeconds, lapseSeconds, depositWei, lapseWei },
      ],
    }),
  )
}

/** Transactions of one account in order; a contract's address follows from its place, so none has to wait for another. */
class DeployPlan {
  readonly calls: Call[] = []
  readonly #from: Address
  readonly #firstNonce: number

  constructor(from: Address, firstNonce: number) {
    this.#from = from
    this.#firstNonce = firstNonce
  }

  create(data: Hex): Address {
    const nonce = BigInt(this.#firstNonce + this.calls.length)
    this.calls.push({ data })
    return getContractAddress({ from: this.#from, nonce })
  }

  call(to: Address, data: Hex): void {
    this.calls.push({ to, data })
  }
}

function nonceOf(chain: Chain, address: Address): Promise<number> {
  return chain.ask('read a nonce', (client) => client.getTransactionCount({ address }))
}

async function requireCode(chain: Chain, addresses: readonly Address[]): Promise<void> {
  for (const address of addresses) {
    const code = await chain.ask('read code', (client) => client.getCode({ address }))
    if (code === undefined)
      throw new OperationError(
        'deploy-failed',
        `Cannot deploy to ${chain.url}: there is no contract at ${address}; is the block gas limit lower than 30 million?`,
      )
  }
}
