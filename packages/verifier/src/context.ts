import type { Anchor, Appraiser } from '@cloister/attest'
import type { Journal, Log, ObjectStore } from '@cloister/io'
import type { Deployment, Domain } from '@cloister/protocol'
import type { Hex, LocalAccount } from 'viem'

import type { Apps } from './apps.ts'
import type { VerifierConfig } from './config.ts'
import type { Faults } from './faults.ts'
import type { HomeChain } from './home-chain.ts'
import type { Peers } from './peers.ts'

/** What all parts of one verifier share. Everything that a test may want to own comes in through here. */
export type VerifierContext = {
  readonly config: VerifierConfig
  readonly manifest: Deployment
  readonly domain: Domain
  readonly deployment: Hex
  readonly home: HomeChain
  readonly peers: Peers
  readonly account: LocalAccount
  readonly journal: Journal
  readonly store: ObjectStore
  readonly anchors: readonly Anchor[]
  readonly apps: Apps
  readonly appraise: Appraiser['appraise']
  readonly faults: Faults
  readonly log: Log
  /** This machine's clock, Unix milliseconds. */
  readonly now: () => number
}
