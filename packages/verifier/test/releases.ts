import { messageDigest, type SignedRelease } from '@cloister/protocol'
import type { Hex } from 'viem'

import { named, sign, type AttemptInput, type makeOrder } from './attempt.ts'

/** The first two keepers release each asset, the third countersigns. */
export async function makeReleases(
  input: AttemptInput,
  ordered: Awaited<ReturnType<typeof makeOrder>>,
  attempt: number,
  quoteDigest: Hex,
  time: bigint,
): Promise<SignedRelease[]> {
  const { domain, keepers, assets } = input
  const releases: SignedRelease[] = []
  for (const [place, asset] of assets.entries())
    for (const shareIndex of [0, 1]) {
      const keeper = keepers.find(
        ({ operator }) => operator.address === asset.shares.operators[shareIndex],
      )!
      const release = {
        task: ordered.task,
        attempt,
        asset: asset.id,
        grant: ordered.order.grants[place]!,
        shareIndex,
        keeper: keeper.key.address,
        quoteDigest,
        checkpoint: named('keeper checkpoint'),
        previous: named('previous'),
        sequence: BigInt(place),
        time,
      }
      const countersigner = keepers[2]!.key
      releases.push({
        release,
        signature: await sign(keeper.key, domain, 'Release', release),
        countersignature: await sign(countersigner, domain, 'Countersignature', {
          release: messageDigest(domain, 'Release', release),
          countersigner: countersigner.address,
        }),
        countersigner: countersigner.address,
      })
    }
  return releases
}
