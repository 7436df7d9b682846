import { OperationError } from '@cloister/codec'
import {
  BaseError,
  ContractFunctionRevertedError,
  type Abi,
  type Address,
  type Hex,
  type PublicClient,
  type TransactionReceipt,
  type WalletClient,
} from 'viem'

import { sayError, sdkError } from './sdk-error.ts'

/** A chain, and who sends on it. */
export type Chain = {
  readonly id: number
  readonly url: string
  readonly reader: PublicClient
  readonly wallet: WalletClient | undefined
  /** ABI errors by which reverts are named. */
  readonly errors: Abi
}

const receiptMs = 120_000

/** Asks a chain something. `action` completes "Cannot". @throws {OperationError} `chain-down` or `reverted`. */
export async function askChain<T>(
  chain: Chain,
  action: string,
  question: (reader: PublicClient) => Promise<T>,
): Promise<T> {
  try {
    return await question(chain.reader)
  } catch (cause) {
    throw chainError(chain, action, cause)
  }
}

/**
 * Sends one transaction and waits until it is in a block: simulated first, so that what would fail costs nothing.
 *
 * @throws {OperationError} `no-account`, `chain-down` or `reverted`.
 */
export async function sendCall(
  chain: Chain,
  action: string,
  call: {
    readonly address: Address
    readonly abi: Abi
    readonly functionName: string
    readonly args: readonly unknown[]
  },
): Promise<TransactionReceipt> {
  const { wallet, reader } = chain
  const account = wallet?.account
  if (wallet === undefined || account === undefined)
    throw sdkError(
      'no-account',
      `Cannot ${action}: nobody is there to sign; give connect() an account`,
    )
  // A contract hands on the errors of those that it calls: all of them have names here.
  const named = { ...call, abi: [...call.abi, ...chain.errors], account }
  let hash: Hex
  let receipt: TransactionReceipt
  try {
    hash = await inTurn(wallet, async () => {
      await reader.simulateContract(named)
      // What others do in the same block may make it dearer than it was when it was tried.
      const gas = await reader.estimateContractGas(named)
      return wallet.writeContract({ ...named, gas: gas + gas / 4n + 20_000n, chain: wallet.chain })
    })
    receipt = await reader.waitForTransactionReceipt({ hash, timeout: receiptMs, retryCount: 10 })
  } catch (cause) {
    throw chainError(chain, action, cause)
  }
  if (receipt.status === 'success') return receipt
  throw sdkError(
    'reverted',
    `Cannot ${action}: transaction ${hash} was reverted in block ${receipt.blockNumber}; something changed since it was tried, so try again`,
    { retryable: true },
  )
}

// One account's transactions are numbered by how many it has sent: two at once would take one number.
const turns = new WeakMap<WalletClient, Promise<unknown>>()

function inTurn<T>(wallet: WalletClient, act: () => Promise<T>): Promise<T> {
  const before = turns.get(wallet) ?? Promise.resolve()
  const result = before.then(act)
  turns.set(
    wallet,
    result.catch(() => undefined),
  )
  return result
}

/** Time of the newest block, Unix seconds. */
export async function chainTime(chain: Chain): Promise<bigint> {
  const block = await askChain(chain, 'read the newest block', (reader) => reader.getBlock())
  return block.timestamp
}

/** The name of the contract's error beneath `error`, and its arguments. */
export function revertOf(
  error: unknown,
): { readonly name: string; readonly args: readonly unknown[] } | undefined {
  const top = error instanceof OperationError ? error.cause : error
  const found =
    top instanceof BaseError
      ? top.walk((each) => each instanceof ContractFunctionRevertedError)
      : undefined
  if (!(found instanceof ContractFunctionRevertedError) || found.data === undefined)
    return undefined
  return { name: found.data.errorName, args: found.data.args ?? [] }
}

function chainError(chain: Chain, action: string, cause: unknown): OperationError {
  if (cause instanceof OperationError) return cause
  const isRevert =
    cause instanceof BaseError &&
    cause.walk((each) => each instanceof ContractFunctionRevertedError) !== null
  if (!isRevert)
    return sdkError(
      'chain-down',
      `Cannot ${action}: the chain at ${chain.url} does not answer as it should (${sayError(cause)}); check that it runs and try again`,
      { cause, retryable: true },
    )
  const revert = revertOf(cause)
  const named = revert === undefined ? sayError(cause) : `${revert.name}(${revert.args.join(', ')})`
  if (revert !== undefined && /BalanceTooLow|ERC20InsufficientBalance/.test(revert.name))
    return sdkError(
      'insufficient-funds',
      `Cannot ${action}: ${named}; deposit more, or ask for less`,
      { cause },
    )
  return sdkError('reverted', `Cannot ${action}: the contract refuses with ${named}`, { cause })
}
