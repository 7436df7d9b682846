import type { Json } from '@cloister/codec'

import type { Narrator } from '../demo/phases.ts'
import type { Devnet, DevnetOptions } from '../up.ts'
import type { Party } from './party.ts'
import type { Role } from '../accounts.ts'

/** What became of one task of a story. */
export type StoryTask = {
  readonly id: string
  readonly app: string
  /** The receipt key of the node that ran it last; empty where none did. */
  readonly node: string
  /** Whose TEE that node has. */
  readonly tee: string
  readonly outcome: 'settled' | 'refunded'
  /** Path of the receipt file, checked offline; null where there is none. */
  readonly receipt: string | null
  /** Wei that left the escrow for the fee's payees. */
  readonly paidWei: string
}

/** What playing a story gave. */
export type Played = {
  readonly tasks: readonly StoryTask[]
  /** What the story shows, as figures with names. */
  readonly figures: { readonly [name: string]: Json }
  /** What the story promises and did not keep. */
  readonly problems: readonly string[]
}

/** What a story is played with. */
export type StoryStage = {
  readonly devnet: Devnet
  readonly narrator: Narrator
  readonly outputFolder: string
  readonly signal: AbortSignal
  /** Somebody with an account and a folder of their own. */
  readonly party: (role: Role) => Promise<Party>
}

/** A story that the demo can tell. Spec: docs/devnet.md, "Stories". */
export type Story = {
  readonly name: string
  /** What it shows, in one sentence. */
  readonly title: string
  /** What it needs before there is a network, made below `folder`. */
  readonly prepare: (folder: string) => Promise<{
    readonly devnet: DevnetOptions
    readonly play: (stage: StoryStage) => Promise<Played>
  }>
}

/** The object that a story prints last. */
export type StoryReport = {
  readonly ok: boolean
  readonly story: string
  readonly seconds: number
  readonly tasks: readonly StoryTask[]
  readonly figures: { readonly [name: string]: Json }
  readonly ledger: { readonly driftWei: string }
  readonly skipped: readonly string[]
  readonly problems: readonly string[]
}
