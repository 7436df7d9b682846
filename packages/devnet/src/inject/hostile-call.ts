import { revertOf, type Chain, type ContractCall } from '@cloister/io'
import { encodeFunctionData, type Abi, type ContractFunctionName, type Hex } from 'viem'

import { accountOf, type Role } from '../accounts.ts'

/** What became of a transaction that should have been refused. */
export type HostileCall = {
  readonly transaction: Hex
  readonly refused: boolean
  /** The contract's error, where it was refused. */
  readonly error: string
}

const gas = 2_000_000n

/**
 * Sends a transaction that an honest program would not: without asking first whether it can succeed, so that the refusal stands on
 * chain, with its reason.
 */
export async function sendHostile<
  const abi extends Abi | readonly unknown[],
  name extends ContractFunctionName<abi> | undefined = undefined,
>(chain: Chain, role: Role, call: ContractCall<abi, name>): Promise<HostileCall> {
  const account = accountOf(role)
  const data = encodeFunctionData<abi, name>(call)
  const { address: to } = call
  const [nonce, fees] = await chain.ask('read a nonce', async (client) =>
    Promise.all([
      client.getTransactionCount({ address: account.address }),
      client.estimateFeesPerGas(),
    ]),
  )
  const serializedTransaction = await account.signTransaction({
    ...({ type: 'eip1559', chainId: chain.chainId, nonce, gas, to, data } as const),
    maxFeePerGas: fees.maxFeePerGas * 2n,
    maxPriorityFeePerGas: fees.maxPriorityFeePerGas,
  })
  const hash = await chain.ask('send a transaction', (client) =>
    client.sendRawTransaction({ serializedTransaction }),
  )
  const receipt = await chain.ask('wait for a transaction', (client) =>
    client.waitForTransactionReceipt({ hash, pollingInterval: 100, timeout: 60_000 }),
  )
  const refused = receipt.status === 'reverted'
  // The same call at the block before says why.
  const blockNumber = receipt.blockNumber
  const error = refused
    ? await chain
        .ask('repeat a transaction', (client) =>
          client.call({ account: account.address, to, data, blockNumber }),
        )
        .then(
          () => 'no reason is known',
          (cause: unknown) => revertOf(cause)?.errorName ?? 'no reason is known',
        )
    : ''
  return { transaction: hash, refused, error }
}
