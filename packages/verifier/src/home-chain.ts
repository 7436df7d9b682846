import { OperationError } from '@cloister/codec'
import type { Chain } from '@cloister/io'
import {
  appRegistryAbi,
  assetRegistryAbi,
  committeeAbi,
  marketAbi,
  nodeRegistryAbi,
  sameHex,
  settlementAbi,
  sharesHash,
  stakingAbi,
  type CollateralFloor,
  type CommitteeSet,
  type Contracts,
} from '@cloister/protocol'
import { encodeFunctionData, parseAbi, zeroAddress, type Address, type Hex } from 'viem'

/** States of a task that matter to a verifier. Spec: docs/protocol.md section 7. */
export const taskStates = { posted: 3, accepted: 4, settled: 5, refunded: 6 } as const

const erc1271Abi = parseAbi([
  'function isValidSignature(bytes32 digest, bytes signature) view returns (bytes4)',
])
const magicValue = `0x1626ba7e${'00'.repeat(28)}`
/** What a contract may use to check its signature: equal at all verifiers, so that their votes are. */
const erc1271Gas = 5_000_000n

/** One asset as it was registered. */
export type AssetRecord = {
  readonly owner: Address
  readonly root: Hex
  readonly sharesHash: Hex
  readonly policyDigest: Hex
  readonly operators: readonly Address[]
  readonly threshold: number
}

/** What a verifier reads of the home chain. `at` pins a read to the state after a block; without it, the head's. */
export class HomeChain {
  readonly chain: Chain
  readonly contracts: Contracts
  /** Nothing is looked for before this block. */
  readonly fromBlock: bigint

  constructor(chain: Chain, contracts: Contracts, fromBlock: bigint) {
    this.chain = chain
    this.contracts = contracts
    this.fromBlock = fromBlock
  }

  task(task: Hex, at?: bigint) {
    const address = this.contracts.market
    const call = { address, abi: marketAbi, functionName: 'taskOf', args: [task] } as const
    return this.chain.read({ ...call, ...pin(at) })
  }

  attempt(task: Hex, attempt: number, at?: bigint) {
    const address = this.contracts.market
    const args = [task, attempt] as const
    const call = { address, abi: marketAbi, functionName: 'attemptOf', args } as const
    return this.chain.read({ ...call, ...pin(at) })
  }

  /** The record of a receipt key; undefined where nobody registered it. */
  async node(receiptKey: Address, at?: bigint) {
    const address = this.contracts.nodeRegistry
    const args = [receiptKey] as const
    const call = { address, abi: nodeRegistryAbi, functionName: 'recordOf', args } as const
    const record = await this.chain.read({ ...call, ...pin(at) })
    return sameHex(record.operator, zeroAddress) ? undefined : record
  }

  nodeUrl(receiptKey: Address): Promise<string> {
    const address = this.contracts.nodeRegistry
    const args = [receiptKey] as const
    return this.chain.read({ address, abi: nodeRegistryAbi, functionName: 'urlOf', args })
  }

  nodesOf(operator: Address, at?: bigint): Promise<readonly Address[]> {
    const address = this.contracts.nodeRegistry
    const args = [operator] as const
    const call = { address, abi: nodeRegistryAbi, functionName: 'nodesOf', args } as const
    return this.chain.read({ ...call, ...pin(at) })
  }

  nodeStakeMinWei(at?: bigint): Promise<bigint> {
    const address = this.contracts.nodeRegistry
    const call = { address, abi: nodeRegistryAbi, functionName: 'stakeMinWei' } as const
    return this.chain.read({ ...call, ...pin(at) })
  }

  bondedOf(account: Address, at?: bigint): Promise<bigint> {
    const address = this.contracts.staking
    const args = [account] as const
    const call = { address, abi: stakingAbi, functionName: 'bondedOf', args } as const
    return this.chain.read({ ...call, ...pin(at) })
  }

  isApproved(measurement: Hex, at?: bigint): Promise<boolean> {
    const address = this.contracts.appRegistry
    const args = [measurement] as const
    const call = { address, abi: appRegistryAbi, functionName: 'approved', args } as const
    return this.chain.read({ ...call, ...pin(at) })
  }

  async floor(at?: bigint): Promise<CollateralFloor> {
    const address = this.contracts.nodeRegistry
    const call = { address, abi: nodeRegistryAbi, functionName: 'floor' } as const
    const { tcbEvaluationDataNumber, rootCrlNumber, pckCrlNumber } = await this.chain.read({
      ...call,
      ...pin(at),
    })
    return { tcbEvaluationDataNumber, rootCrlNumber, pckCrlNumber }
  }

  epoch(at?: bigint): Promise<bigint> {
    const call = { abi: committeeAbi, functionName: 'epoch' } as const
    return this.chain.read({ address: this.contracts.committee, ...call, ...pin(at) })
  }

  /** The set of an epoch: it never changes once it is there, and is empty before. */
  async committee(epoch: bigint, at?: bigint): Promise<CommitteeSet> {
    const address = this.contracts.committee
    const args = [epoch] as const
    const call = { address, abi: committeeAbi, functionName: 'membersAt', args } as const
    return { epoch, members: await this.chain.read({ ...call, ...pin(at) }) }
  }

  memberUrl(member: Address): Promise<string> {
    const address = this.contracts.committee
    const args = [member] as const
    return this.chain.read({ address, abi: committeeAbi, functionName: 'urlOf', args })
  }

  settlementConfig() {
    const call = { abi: settlementAbi, functionName: 'config' } as const
    return this.chain.read({ address: this.contracts.settlement, ...call })
  }

  isProven(proof: Hex): Promise<boolean> {
    const address = this.contracts.settlement
    const args = [proof] as const
    return this.chain.read({ address, abi: settlementAbi, functionName: 'proven', args })
  }

  judgementOf(task: Hex): Promise<Hex> {
    const address = this.contracts.settlement
    const args = [task] as const
    return this.chain.read({ address, abi: settlementAbi, functionName: 'judgementOf', args })
  }

  /**
   * An asset as it stands at a block; undefined where it is not registered. Its keepers come from the event of its
   * registration, checked against the hash in storage.
   */
  async asset(asset: Hex, at: bigint): Promise<AssetRecord | undefined> {
    const address = this.contracts.assetRegistry
    const args = [asset] as const
    const owner = await this.chain.read({
      address,
      abi: assetRegistryAbi,
      functionName: 'ownerOf',
      args,
      ...pin(at),
    })
    if (sameHex(owner, zeroAddress)) return undefined
    const call = { address, abi: assetRegistryAbi, functionName: 'assetOf', args } as const
    const record = await this.chain.read({ ...call, ...pin(at) })
    const logs = await this.chain.ask(`read the registration of asset ${asset}`, (client) =>
      client.getContractEvents({
        address,
        abi: assetRegistryAbi,
        eventName: 'AssetRegistered',
        args: { asset },
        fromBlock: this.fromBlock,
        toBlock: at,
        strict: true,
      }),
    )
    const shares = logs.at(-1)?.args
    if (shares === undefined || !sameHex(sharesHash(shares), record.sharesHash))
      throw new OperationError(
        'chain-refused',
        `Cannot read the keepers of asset ${asset}: the chain at ${this.chain.url} does not give its registration`,
        { retryable: true },
      )
    const { operators, threshold } = shares
    const { root, sharesHash: hash, policyDigest } = record
    return { owner, root, sharesHash: hash, policyDigest, operators, threshold }
  }

  /**
   * Whether an account that is a contract says after a block that it signed a digest; undefined where it is no contract.
   * Spec: ERC-1271; whatever the contract does but answer with the magic value is a no, as in Market.
   */
  async signedByContract(
    account: Address,
    digest: Hex,
    signature: Hex,
    at: bigint,
  ): Promise<boolean | undefined> {
    const action = `ask account ${account} for its signature`
    const code = await this.chain.ask(action, (client) =>
      client.getCode({ address: account, blockNumber: at }),
    )
    if (code === undefined || code === '0x') return undefined
    const args = [digest, signature] as const
    const data = encodeFunctionData({ abi: erc1271Abi, functionName: 'isValidSignature', args })
    // The state after that block is there, for the code was just read of it: what fails now is the contract's doing.
    try {
      const answer = await this.chain.ask(action, (client) =>
        client.call({ to: account, data, blockNumber: at, gas: erc1271Gas }),
      )
      return answer.data?.slice(0, 66) === magicValue
    } catch (error) {
      if (error instanceof OperationError && error.code !== 'chain-down') return false
      throw error
    }
  }
}

function pin(at: bigint | undefined): { readonly blockNumber?: bigint } {
  return at === undefined ? {} : { blockNumber: at }
}
