import { ledgerAbi, tokenAbi } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { askChain, sendCall } from './chain.ts'
import { accountOf, type Client } from './client.ts'
import { sdkError } from './sdk-error.ts'

/** What an account has on the home chain. */
export type Balances = {
  /** In the Ledger: pays for orders, can be withdrawn. */
  readonly ledgerWei: bigint
  /** In the account itself. */
  readonly tokenWei: bigint
  /** Where the account is paid: a spoke's id, or the home chain's. */
  readonly payoutChain: number
  /** Earned on each spoke since the beginning, claimed or not. */
  readonly owed: readonly { readonly chainId: number; readonly cumulativeWei: bigint }[]
}

/** Reads what an account has; the client's own, where none is named. @throws {OperationError} `chain-down`. */
export async function balances(client: Client, account?: Address): Promise<Balances> {
  const address = account ?? accountOf(client, 'read balances').address
  const { token, ledger } = client.deployment.home.contracts
  return askChain(client.chain, `read the balances of ${address}`, async (reader) => {
    const money = { address: ledger, abi: ledgerAbi } as const
    const [ledgerWei, tokenWei, chosen, owed] = await Promise.all([
      reader.readContract({ ...money, functionName: 'balanceOf', args: [address] }),
      reader.readContract({
        address: token,
        abi: tokenAbi,
        functionName: 'balanceOf',
        args: [address],
      }),
      reader.readContract({ ...money, functionName: 'payoutChainOf', args: [address] }),
      Promise.all(
        [...client.spokes.keys()].map(async (chainId) => ({
          chainId,
          cumulativeWei: await reader.readContract({
            ...money,
            functionName: 'owedOf',
            args: [BigInt(chainId), address],
          }),
        })),
      ),
    ])
    const payoutChain = chosen === 0n ? client.chain.id : Number(chosen)
    return { ledgerWei, tokenWei, payoutChain, owed }
  })
}

/** Moves tokens of the account into its Ledger balance. @throws {OperationError} `insufficient-funds`, `no-account`, `chain-down`. */
export async function deposit(client: Client, amountWei: bigint): Promise<Hex> {
  const { address } = accountOf(client, 'deposit')
  const { token, ledger } = client.deployment.home.contracts
  const { tokenWei } = await balances(client, address)
  if (tokenWei < amountWei)
    throw sdkError(
      'insufficient-funds',
      `Cannot deposit ${amountWei} wei: ${address} has ${tokenWei} wei of the token ${token}; get more, or deposit less`,
    )
  const allowance = await askChain(client.chain, 'read an allowance', (reader) =>
    reader.readContract({
      address: token,
      abi: tokenAbi,
      functionName: 'allowance',
      args: [address, ledger],
    }),
  )
  if (allowance < amountWei)
    await sendCall(client.chain, `allow the Ledger ${amountWei} wei`, {
      address: token,
      abi: tokenAbi,
      functionName: 'approve',
      args: [ledger, amountWei],
    })
  return sendLedger(client, `deposit ${amountWei} wei`, 'deposit', amountWei)
}

/** Moves Ledger balance back to the account. @throws {OperationError} `insufficient-funds`, `no-account`, `chain-down`. */
export function withdraw(client: Client, amountWei: bigint): Promise<Hex> {
  return sendLedger(client, `withdraw ${amountWei} wei`, 'withdraw', amountWei)
}

/** Chooses the chain on which the account is paid from now on. @throws {OperationError} `wrong-chain`, `no-account`, `chain-down`. */
export function setPayoutChain(client: Client, chainId: number): Promise<Hex> {
  const known = [client.chain.id, ...client.spokes.keys()]
  if (!known.includes(chainId))
    throw sdkError(
      'wrong-chain',
      `Cannot be paid on chain ${chainId}: this deployment pays on ${known.join(', ')}; choose one of them`,
    )
  return sendLedger(client, `be paid on chain ${chainId}`, 'setPayoutChain', BigInt(chainId))
}

async function sendLedger(
  client: Client,
  action: string,
  functionName: 'deposit' | 'withdraw' | 'setPayoutChain',
  argument: bigint,
): Promise<Hex> {
  const receipt = await sendCall(client.chain, action, {
    address: client.deployment.home.contracts.ledger,
    abi: ledgerAbi,
    functionName,
    args: [argument],
  })
  return receipt.transactionHash
}
