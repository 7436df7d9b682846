import { OperationError } from '@cloister/codec'
import { Chain, type BlockHead } from '@cloister/io'
import {
  committeeAbi,
  deploymentDomain,
  deploymentOf,
  errorsAbi,
  marketAbi,
  nodeRegistryAbi,
  settlementAbi,
  type Contracts,
  type Deployment,
  type Domain,
  type Handover,
} from '@cloister/protocol'
import { decodeFunctionData, type Address, type Hex, type PrivateKeyAccount } from 'viem'

import type { ChainIndex } from './chain-index.ts'
import type { HostConfig } from './config.ts'
import type { Member } from './quorum.ts'

/** One committee and where its members answer. */
export type Committee = { readonly epoch: bigint; readonly members: readonly Member[] }

const committeeFreshMs = 5_000

/** What a host asks the home chain, and sends to it, in the words of the protocol. */
export class NodeChain {
  readonly chain: Chain
  readonly contracts: Contracts
  readonly domain: Domain
  readonly deployment: Hex
  readonly account: PrivateKeyAccount
  readonly #handovers = new Map<Hex, Handover>()
  #committee: { readonly at: number; readonly value: Promise<Committee> } | undefined

  private constructor(chain: Chain, deployment: Deployment, account: PrivateKeyAccount) {
    this.chain = chain
    this.contracts = deployment.home.contracts
    this.domain = deploymentDomain(deployment)
    this.deployment = deploymentOf(this.domain)
    this.account = account
  }

  /** Connects to the home chain of a deployment. @throws {OperationError} `chain-down`, `wrong-chain`. */
  static async connect(
    deployment: Deployment,
    config: HostConfig['chain'],
    account: PrivateKeyAccount,
  ): Promise<NodeChain> {
    const url = config.url ?? deployment.home.rpcUrl
    const { chainId } = deployment.home
    const chain = await Chain.connect({ url, chainId, pollMs: config.pollMs, errors: errorsAbi })
    return new NodeChain(chain, deployment, account)
  }

  /** A task as the Market has it. */
  task(id: Hex) {
    const { market: address } = this.contracts
    return this.chain.read({ address, abi: marketAbi, functionName: 'taskOf', args: [id] })
  }

  /** A node's record; its operator is the zero address where there is none. */
  node(receiptKey: Address) {
    const { nodeRegistry: address } = this.contracts
    return this.chain.read({
      address,
      abi: nodeRegistryAbi,
      functionName: 'recordOf',
      args: [receiptKey],
    })
  }

  /** Whether a node is admitted, unexpired and neither retired nor of a withdrawn measurement. */
  certified(receiptKey: Address): Promise<boolean> {
    const { nodeRegistry: address } = this.contracts
    return this.chain.read({
      address,
      abi: nodeRegistryAbi,
      functionName: 'certified',
      args: [receiptKey],
    })
  }

  /** How long judging and challenging take. */
  settlementConfig() {
    const { settlement: address } = this.contracts
    return this.chain.read({ address, abi: settlementAbi, functionName: 'config' })
  }

  /** The committee in office, at most some seconds old. */
  committee(): Promise<Committee> {
    if (this.#committee !== undefined && Date.now() - this.#committee.at < committeeFreshMs)
      return this.#committee.value
    const value = this.#readCommittee()
    this.#committee = { at: Date.now(), value }
    value.catch(() => {
      this.#committee = undefined
    })
    return value
  }

  /** Handovers from the first committee on, with the signatures that the chain took them by. */
  async handovers(index: ChainIndex): Promise<readonly Handover[]> {
    const found: Handover[] = []
    for (const { epoch, transaction } of index.handovers) {
      if (epoch === 0n) continue // The first committee took over from nobody.
      const known = this.#handovers.get(transaction) ?? (await this.#readHandover(transaction))
      this.#handovers.set(transaction, known)
      found.push(known)
    }
    return found
  }

  /** The newest block. */
  head(): Promise<BlockHead> {
    return this.chain.block()
  }

  async #readCommittee(): Promise<Committee> {
    const contract = { address: this.contracts.committee, abi: committeeAbi } as const
    const epoch = await this.chain.read({ ...contract, functionName: 'epoch' })
    const addresses = await this.chain.read({
      ...contract,
      functionName: 'membersAt',
      args: [epoch],
    })
    const members = await Promise.all(
      addresses.map(async (address) => ({
        address,
        url: await this.chain.read({ ...contract, functionName: 'urlOf', args: [address] }),
      })),
    )
    return { epoch, members }
  }

  async #readHandover(hash: Hex): Promise<Handover> {
    const { input } = await this.chain.ask(`read the handover in ${hash}`, (client) =>
      client.getTransaction({ hash }),
    )
    const call = decodeFunctionData({ abi: committeeAbi, data: input })
    if (call.functionName !== 'handover')
      throw new OperationError(
        'handover-hidden',
        `Cannot read the handover in ${hash}: it was made through another contract, so its signatures are not in the call`,
      )
    const [{ epoch }, members, signatures] = call.args
    return { epoch, members, signatures }
  }
}
