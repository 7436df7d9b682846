import { OperationError } from '@cloister/codec'
import type { Chain } from '@cloister/io'
import type { Address, Hex, LocalAccount } from 'viem'

/** One transaction; without `to` it creates a contract. */
export type Call = { readonly to?: Address; readonly data: Hex }

/** Gas of one transaction of a batch: enough for the largest contract. */
const gasPerCall = 12_000_000n

/**
 * Sends transactions of one account without waiting in between, then waits for all. Nothing is simulated: later
 * ones may need what earlier ones make.
 *
 * @throws {OperationError} `reverted`, naming the first that failed.
 */
export async function sendBatch(
  chain: Chain,
  account: LocalAccount,
  calls: readonly Call[],
): Promise<void> {
  const first = await chain.ask('read a nonce', (client) =>
    client.getTransactionCount({ address: account.address, blockTag: 'pending' }),
  )
  const { maxFeePerGas, maxPriorityFeePerGas } = await chain.ask('read the fee', (client) =>
    client.estimateFeesPerGas(),
  )
  const hashes: Hex[] = []
  for (const [index, call] of calls.entries()) {
    const serializedTransaction = await account.signTransaction({
      type: 'eip1559',
      chainId: chain.chainId,
      nonce: first + index,
      gas: gasPerCall,
      maxFeePerGas: maxFeePerGas * 2n,
      maxPriorityFeePerGas,
      ...call,
    })
    hashes.push(
      await chain.ask('send a transaction', (client) =>
        client.sendRawTransaction({ serializedTransaction }),
      ),
    )
  }
  for (const [index, hash] of hashes.entries()) {
    const receipt = await chain.ask('wait for a transaction', (client) =>
      client.waitForTransactionReceipt({ hash, pollingInterval: 100, timeout: 60_000 }),
    )
    if (receipt.status !== 'success')
      throw new OperationError(
        'reverted',
        `Cannot run transaction ${index + 1} of ${calls.length} for ${account.address}: it reverted`,
      )
  }
}
