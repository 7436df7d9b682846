import type { Appraiser } from '@cloister/attest'

import type { Chain } from './chain/chain-view.ts'
import type { ChainFacts } from './chain/facts.ts'
import type { EnclaveConfig } from './config.ts'
import type { EvidenceDriver } from './evidence-drivers/driver.ts'
import type { EvidenceSource } from './evidence-source.ts'
import type { HostCalls } from './host-calls.ts'
import type { Identity } from './identity.ts'
import type { EarlierLives } from './keeper/earlier-lives.ts'
import type { KeeperState } from './keeper/keeper-state.ts'
import type { ReleaseLog } from './keeper/release-log.ts'
import type { SealedState } from './keeper/sealed-state.ts'
import type { SeenRecords } from './keeper/seen-records.ts'
import type { ShareStore } from './keeper/share-store.ts'
import type { UnsealedShares } from './keeper/unsealed.ts'

/** What every part of one running enclave works with. */
export type EnclaveContext = {
  readonly config: EnclaveConfig
  readonly identity: Identity
  readonly source: EvidenceSource
  /** What asks this machine's GPUs for evidence; undefined where the configuration names none. */
  readonly devices: EvidenceDriver | undefined
  readonly host: HostCalls
  readonly chain: Chain
  readonly facts: ChainFacts
  readonly appraiser: Appraiser
  readonly shares: ShareStore
  readonly state: KeeperState
  readonly log: ReleaseLog
  readonly seen: SeenRecords
  readonly lives: EarlierLives
  readonly sealed: SealedState
  readonly unsealed: UnsealedShares
}
