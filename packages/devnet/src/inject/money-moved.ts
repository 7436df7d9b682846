import { ledgerAbi } from '@cloister/protocol'
import { parseEventLogs } from 'viem'

import type { Devnet } from '../up.ts'

/** A stake that was cut. */
export type Slash = {
  readonly account: string
  readonly amountWei: bigint
  readonly offence: number
  readonly transaction: string
}

/** All stake that was cut, and all fees that went back, by the Ledger's events. */
export async function readMoneyMoved({ home, deployment }: Devnet): Promise<{
  readonly slashes: readonly Slash[]
  readonly slashedWei: bigint
  readonly refundedWei: bigint
}> {
  const { ledger } = deployment.home.contracts
  const { number } = await home.block('latest')
  const raw = await home.logs([ledger], 0n, number)
  const logs = parseEventLogs({
    abi: ledgerAbi,
    eventName: ['StakeSlashed', 'EscrowRefunded'],
    logs: [...raw],
    strict: true,
  })
  const slashes: Slash[] = []
  let refundedWei = 0n
  for (const { eventName, args, transactionHash } of logs)
    if (eventName === 'EscrowRefunded') refundedWei += args.amountWei
    else
      slashes.push({
        account: args.account,
        amountWei: args.burnedWei + args.rewardWei,
        offence: args.offence,
        transaction: transactionHash ?? '',
      })
  return {
    slashes,
    slashedWei: slashes.reduce((sum, { amountWei }) => sum + amountWei, 0n),
    refundedWei,
  }
}
