import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError } from '@cloister/codec'
import {
  encodeFunctionData,
  keccak256,
  TransactionNotFoundError,
  TransactionReceiptNotFoundError,
  type Abi,
  type Address,
  type ContractFunctionName,
  type EncodeFunctionDataParameters,
  type Hex,
  type LocalAccount,
  type TransactionReceipt,
} from 'viem'

import { chainError } from './chain-error.ts'
import type { Chain } from './chain.ts'
import { SerialQueue } from './retry.ts'

/** A call of a contract's function that changes state. */
export type ContractCall<
  abi extends Abi | readonly unknown[],
  name extends ContractFunctionName<abi> | undefined,
> = EncodeFunctionDataParameters<abi, name> & { readonly address: Address; readonly value?: bigint }

/** Deploys or calls: `to` is absent for a deployment. */
export type Transaction = { readonly to?: Address; readonly data?: Hex; readonly value?: bigint }

/** How long a sent transaction may stay out of a block. */
const minedWithinMs = 120_000
/** After this long without a receipt the same signed bytes are sent again. */
const resendAfterMs = 5_000

/** Signs and sends for one account: one transaction at a time gets a nonce, waiting overlaps. */
export class ChainSender {
  readonly account: LocalAccount
  readonly #chain: Chain
  readonly #queue = new SerialQueue()
  #last: { readonly nonce: number; readonly hash: Hex } | undefined

  constructor(chain: Chain, account: LocalAccount) {
    this.#chain = chain
    this.account = account
  }

  /**
   * Calls a contract's function and waits for its block. A call that would revert is not sent.
   *
   * @throws {OperationError} `reverted` with a {@link ContractRevert} as cause, `chain-down`, `not-mined`.
   */
  async sendAndWait<
    const abi extends Abi | readonly unknown[],
    name extends ContractFunctionName<abi> | undefined = undefined,
  >(call: ContractCall<abi, name>): Promise<TransactionReceipt> {
    const data = encodeFunctionData<abi, name>(call)
    const action = `call ${String(call.functionName)} of ${call.address}`
    const value = call.value === undefined ? {} : { value: call.value }
    return this.transact({ to: call.address, data, ...value }, action)
  }

  /** Sends a transaction and waits for its block. `action` completes "Cannot ..." in the error. */
  async transact(transaction: Transaction, action: string): Promise<TransactionReceipt> {
    const signed = await this.#queue.run(() => this.#submit(transaction, action))
    const receipt = await this.#mined(signed, action)
    if (receipt.status === 'success') return receipt
    // It passed when simulated: the state changed in between. Simulating again finds the reason.
    await this.#simulate(transaction, action)
    throw new OperationError(
      'reverted',
      `Cannot ${action}: it reverted in block ${receipt.blockNumber}`,
      {
        retryable: true,
      },
    )
  }

  async #submit(transaction: Transaction, action: string): Promise<Hex> {
    await this.#simulate(transaction, action)
    for (let attempt = 1; ; attempt++) {
      const nonce = await this.#nextNonce(action)
      const signed = await this.#sign(transaction, nonce, action)
      try {
        await this.#broadcast(signed, action)
        this.#last = { nonce, hash: keccak256(signed) }
        return signed
      } catch (error) {
        // Another process uses the account: its nonce moved in between.
        if (attempt === 3 || !isNonceProblem(error)) throw error
      }
    }
  }

  // The node's own count may lag behind what was just sent; after a reorganisation or a restart of
  // the chain it is right, and what was sent is no longer known.
  async #nextNonce(action: string): Promise<number> {
    const { address } = this.account
    const pending = await this.#chain.ask(`${action} (reading the nonce)`, (client) =>
      client.getTransactionCount({ address, blockTag: 'pending' }),
    )
    const last = this.#last
    if (last === undefined || last.nonce < pending) return pending
    const isKnown = await this.#chain.ask(`${action} (looking for the one before)`, (client) =>
      client.getTransaction({ hash: last.hash }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof TransactionNotFoundError) return false
          throw error
        },
      ),
    )
    return isKnown ? last.nonce + 1 : pending
  }

  async #simulate({ to, data, value }: Transaction, action: string): Promise<void> {
    await this.#chain.ask(action, (client) =>
      // As the next block would see it: its number, its time, and what is already on its way.
      client.call({
        account: this.account.address,
        blockTag: 'pending',
        ...(to === undefined ? {} : { to }),
        ...(data === undefined ? {} : { data }),
        ...(value === undefined ? {} : { value }),
      }),
    )
  }

  async #sign({ to, data, value }: Transaction, nonce: number, action: string): Promise<Hex> {
    const request = {
      ...(to === undefined ? {} : { to }),
      ...(data === undefined ? {} : { data }),
      value: value ?? 0n,
    }
    const [gas, fees] = await Promise.all([
      this.#chain.ask(action, (client) =>
        client.estimateGas({
          account: this.account.address,
          blockTag: 'pending',
          ...request,
        }),
      ),
      this.#chain.ask(`${action} (reading the fee)`, (client) => client.estimateFeesPerGas()),
    ])
    return this.account.signTransaction({
      type: 'eip1559',
      chainId: this.#chain.chainId,
      nonce,
      // State may have moved by the time it is mined, so a quarter more than it needs now.
      gas: gas + gas / 4n + 20_000n,
      maxFeePerGas: fees.maxFeePerGas * 2n,
      maxPriorityFeePerGas: fees.maxPriorityFeePerGas,
      ...request,
    })
  }

  // Sending the same signed bytes twice is harmless, so a lost answer is simply asked for again.
  async #broadcast(signed: Hex, action: string): Promise<void> {
    try {
      await this.#chain.ask(action, (client) =>
        client.sendRawTransaction({ serializedTransaction: signed }),
      )
    } catch (error) {
      if (!/already known|already imported/i.test(messageOf(error))) throw error
    }
  }

  async #mined(signed: Hex, action: string): Promise<TransactionReceipt> {
    const hash = keccak256(signed)
    const started = Date.now()
    let sent = started
    for (;;) {
      const receipt = await this.#chain.ask(`${action} (waiting for its block)`, (client) =>
        client.getTransactionReceipt({ hash }).catch((error: unknown) => {
          if (error instanceof TransactionReceiptNotFoundError) return undefined
          throw error
        }),
      )
      if (receipt !== undefined) return receipt
      if (Date.now() - started > minedWithinMs)
        throw new OperationError(
          'not-mined',
          `Cannot ${action}: transaction ${hash} is in no block after ${minedWithinMs / 1000} s; look at its fee and at the chain`,
          { retryable: true },
        )
      if (Date.now() - sent > resendAfterMs) {
        sent = Date.now()
        // The chain may have lost it in a restart; a refusal here means it is known or already mined.
        await this.#broadcast(signed, action).catch((error: unknown) => {
          if (!isNonceProblem(error)) throw error
        })
      }
      await sleep(this.#chain.pollMs)
    }
  }
}

function isNonceProblem(error: unknown): boolean {
  return /nonce/i.test(messageOf(error)) || /replacement transaction/i.test(messageOf(error))
}

function messageOf(error: unknown): string {
  return chainError('', '', [], error).message
}
