import { OperationError } from '@cloister/codec'
import { assetId, sameHex, sharesHash } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { AssetFacts } from '../chain/facts.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import type { KeepersAnswer } from '../host-calls.ts'

/** An asset's keepers and commitments, as the chain has them. */
export type Keepers = {
  readonly salt: Hex
  readonly commitments: readonly Hex[]
  readonly operators: readonly Address[]
  /** What the host says besides; each part is checked where it is used. */
  readonly told: KeepersAnswer
}

/** How many shares give a key back. Spec: AssetRegistry.THRESHOLD. */
export const threshold = 2

/**
 * Reads from the host who keeps an asset's shares, and holds it against what the chain's proof shows.
 *
 * @throws {OperationError} `keepers-refused`.
 */
export async function readKeepers(
  { host, config }: Pick<EnclaveContext, 'host' | 'config'>,
  asset: Hex,
  facts: AssetFacts,
): Promise<Keepers> {
  const told = await host.keepers(asset)
  const { commitments, operators, salt } = told
  const [first, second, third] = commitments
  const [a, b, c] = operators
  if (!first || !second || !third || !a || !b || !c) throw refused(asset, 'keepers')
  const hash = sharesHash({
    commitments: [first, second, third],
    operators: [a, b, c],
    threshold: told.threshold,
  })
  if (!sameHex(hash, facts.sharesHash)) throw refused(asset, 'keepers')
  const { owner, root } = facts
  if (!sameHex(assetId({ deployment: config.deployment, owner, root, salt }), asset))
    throw refused(asset, 'salt')
  return { salt, commitments, operators, told }
}

function refused(asset: Hex, what: string): OperationError {
  return new OperationError(
    'keepers-refused',
    `Cannot use the host's ${what} of asset ${asset}: the chain has others`,
  )
}
