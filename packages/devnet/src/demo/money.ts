import { ledgerAbi, spokePayoutAbi, tokenAbi } from '@cloister/protocol'

import type { Devnet } from '../up.ts'

/**
 * What money appeared or vanished: the Ledger's tokens minus the sum of its buckets; and on the spoke what was minted minus what the
 * token says exists, plus whatever was minted beyond the home chain's lockbox. Zero is right.
 */
export async function driftWei({ home, spoke, deployment }: Devnet): Promise<bigint> {
  const { ledger, token } = deployment.home.contracts
  const [held, booked] = await Promise.all([
    home.read({ address: token, abi: tokenAbi, functionName: 'balanceOf', args: [ledger] }),
    home.read({ address: ledger, abi: ledgerAbi, functionName: 'totalWei' }),
  ])
  let drift = held - booked
  for (const { chainId, contracts } of deployment.spokes) {
    const [minted, supply, lockbox] = await Promise.all([
      spoke.read({
        address: contracts.spokePayout,
        abi: spokePayoutAbi,
        functionName: 'mintedWei',
      }),
      spoke.read({ address: contracts.token, abi: tokenAbi, functionName: 'totalSupply' }),
      home.read({
        address: ledger,
        abi: ledgerAbi,
        functionName: 'lockboxOf',
        args: [BigInt(chainId)],
      }),
    ])
    drift += supply - minted + (minted > lockbox ? minted - lockbox : 0n)
  }
  return drift
}

/** Wei of the token as people write it, with at most four decimals; what is cut off is not rounded up. */
export function tokens(amountWei: bigint): string {
  const whole = amountWei / 10n ** 18n
  const part = (amountWei % 10n ** 18n).toString().padStart(18, '0').slice(0, 4).replace(/0+$/, '')
  return part === '' ? `${whole}` : `${whole}.${part}`
}
