import { OperationError } from '@cloister/codec'
import {
  createPublicClient,
  http,
  keccak256,
  numberToHex,
  type Abi,
  type Address,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type GetProofReturnType,
  type Hex,
  type LocalAccount,
  type Log,
  type PublicClient,
  type ReadContractParameters,
  type ReadContractReturnType,
} from 'viem'

import { chainError, isConnectionFailure } from './chain-error.ts'
import { ChainSender } from './chain-sender.ts'
import { encodeHeader, type RawBlock } from './header-rlp.ts'
import { defaultRetryPlan, retry, type RetryPlan } from './retry.ts'

/** How a chain is reached. `errors` are the ABI errors by which its reverts are named. */
export type ChainOptions = {
  readonly url: string
  readonly chainId: number
  readonly errors?: Abi
  readonly timeoutMs?: number
  readonly pollMs?: number
  readonly retries?: RetryPlan
}

/** What identifies a block and when it was made. Times are Unix seconds of the block. */
export type BlockHead = {
  readonly number: bigint
  readonly hash: Hex
  readonly parentHash: Hex
  readonly stateRoot: Hex
  readonly timestamp: bigint
}

/** One chain over JSON-RPC: connection failures are tried again for a bounded time, then `chain-down`. */
export class Chain {
  readonly url: string
  readonly chainId: number
  readonly errors: Abi
  readonly pollMs: number
  readonly client: PublicClient
  readonly #retries: RetryPlan
  readonly #senders = new Map<Address, ChainSender>()

  constructor(options: ChainOptions) {
    this.url = options.url
    this.chainId = options.chainId
    this.errors = options.errors ?? []
    this.pollMs = options.pollMs ?? 500
    this.#retries = options.retries ?? defaultRetryPlan
    this.client = createPublicClient({
      transport: http(options.url, { timeout: options.timeoutMs ?? 10_000, retryCount: 0 }),
      cacheTime: 0,
    })
  }

  /**
   * A chain that answered, and has the expected id.
   *
   * @throws {OperationError} `chain-down`, or `wrong-chain` where another chain answers.
   */
  static async connect(options: ChainOptions): Promise<Chain> {
    const chain = new Chain(options)
    const id = await chain.ask('read the chain id', (client) => client.getChainId())
    if (id !== options.chainId)
      throw new OperationError(
        'wrong-chain',
        `Cannot use the chain at ${options.url}: its id is ${id}, expected ${options.chainId}; correct the URL or the deployment file`,
      )
    return chain
  }

  /** Asks the chain something. `action` completes "Cannot ..." in the error. */
  async ask<T>(action: string, question: (client: PublicClient) => Promise<T>): Promise<T> {
    try {
      return await retry(this.#retries, isConnectionFailure, () => question(this.client))
    } catch (cause) {
      throw chainError(action, this.url, this.errors, cause)
    }
  }

  /** Calls a view function. @throws {OperationError} `reverted`, `chain-down`. */
  read<
    const abi extends Abi | readonly unknown[],
    name extends ContractFunctionName<abi, 'pure' | 'view'>,
    const args extends ContractFunctionArgs<abi, 'pure' | 'view', name>,
  >(
    call: ReadContractParameters<abi, name, args>,
  ): Promise<ReadContractReturnType<abi, name, args>> {
    return this.ask(`read ${call.functionName}`, (client) => client.readContract(call))
  }

  /** The head of a block: the latest, or one by height or hash. @throws {OperationError} `block-absent`. */
  async block(which: bigint | Hex | 'latest' = 'latest'): Promise<BlockHead> {
    const raw = await this.rawBlock(which)
    const { number, hash, parentHash, stateRoot, timestamp } = raw
    if (
      !isHex(number) ||
      !isHex(hash) ||
      !isHex(parentHash) ||
      !isHex(stateRoot) ||
      !isHex(timestamp)
    )
      throw new OperationError(
        'chain-refused',
        `Cannot read block ${which}: ${this.url} gave another shape`,
      )
    return { number: BigInt(number), hash, parentHash, stateRoot, timestamp: BigInt(timestamp) }
  }

  /** A block as the chain gives it, without its transactions' bodies. @throws {OperationError} `block-absent`. */
  async rawBlock(which: bigint | Hex | 'latest'): Promise<RawBlock> {
    const block = await this.ask<RawBlock | null>(`read block ${which}`, async (client) =>
      typeof which === 'string' && which !== 'latest'
        ? client.request({ method: 'eth_getBlockByHash', params: [which, false] })
        : client.request({
            method: 'eth_getBlockByNumber',
            params: [which === 'latest' ? which : numberToHex(which), false],
          }),
    )
    if (block !== null) return block
    throw new OperationError('block-absent', `Cannot read block ${which}: ${this.url} has none`, {
      retryable: true,
    })
  }

  /** The RLP of a block's header; its keccak256 is the block's hash, which was checked. */
  async header(which: bigint | Hex): Promise<Hex> {
    return encodeHeader(await this.rawBlock(which))
  }

  /**
   * Headers from a block down to its `count - 1`th ancestor, newest first, linked by parent hash.
   *
   * @throws {OperationError} `chain-moved` where the chain reorganised meanwhile.
   */
  async headers(from: bigint, count: number): Promise<readonly Hex[]> {
    const heights = Array.from({ length: count }, (_, index) => from - BigInt(index)).filter(
      (n) => n >= 0n,
    )
    const blocks = await Promise.all(heights.map((height) => this.rawBlock(height)))
    const encoded = blocks.map(encodeHeader)
    for (const [index, header] of encoded.entries()) {
      const child = blocks[index - 1]
      if (child !== undefined && child['parentHash'] !== keccak256(header))
        throw new OperationError(
          'chain-moved',
          `Cannot read ${count} headers: the chain reorganised`,
          {
            retryable: true,
          },
        )
    }
    return encoded
  }

  /** The Merkle proof of an account and slots of its storage at a height. Spec: EIP-1186. */
  proof(account: Address, slots: readonly Hex[], height: bigint): Promise<GetProofReturnType> {
    return this.ask(`prove storage of ${account} at block ${height}`, (client) =>
      client.getProof({ address: account, storageKeys: [...slots], blockNumber: height }),
    )
  }

  /** Logs of contracts in a range of blocks, both ends included. */
  logs(addresses: readonly Address[], fromBlock: bigint, toBlock: bigint): Promise<readonly Log[]> {
    return this.ask(`read logs of blocks ${fromBlock} to ${toBlock}`, (client) =>
      client.getLogs({ address: [...addresses], fromBlock, toBlock }),
    )
  }

  /** What signs and sends for an account. One per account, so that its nonces come in order. */
  sender(account: LocalAccount): ChainSender {
    const present = this.#senders.get(account.address)
    if (present !== undefined) return present
    const sender = new ChainSender(this, account)
    this.#senders.set(account.address, sender)
    return sender
  }
}

function isHex(value: unknown): value is Hex {
  return typeof value === 'string' && /^0x[0-9a-f]*$/i.test(value)
}
