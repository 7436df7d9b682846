import { deadKeeper } from './dead-keeper.ts'
import type { Injection } from './injection.ts'
import { forgedResult, lyingHost, silentNode } from './lazy-or-lying-host.ts'
import { lyingVerifier } from './lying-verifier.ts'
import { relayedEvidence } from './relayed-evidence.ts'
import { revokedGrant } from './revoked-grant.ts'
import { silentKeeper } from './silent-keeper.ts'
import { framedNode, replayedReceipt } from './stranger.ts'
import { badMeasurement, staleTcb } from './unfit-node.ts'
import { upgradedKeepers } from './upgraded-keepers.ts'

const all: readonly Injection[] = [
  badMeasurement,
  staleTcb,
  silentNode,
  forgedResult,
  framedNode,
  replayedReceipt,
  relayedEvidence,
  revokedGrant,
  lyingHost,
  lyingVerifier,
  deadKeeper,
  silentKeeper,
  upgradedKeepers,
]

/** Every fault that can be injected, by name. Spec: docs/devnet.md. */
export const injections: ReadonlyMap<string, Injection> = new Map(
  all.map((injection) => [injection.name, injection]),
)
