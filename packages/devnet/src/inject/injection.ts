import type { Cast } from '../demo/cast.ts'
import type { FollowedTask } from '../demo/follow-task.ts'
import type { Scene } from '../demo/story.ts'
import type { DevnetOptions } from '../up.ts'

/** Something that goes wrong on purpose, and how the network has to deal with it. */
export type Injection = {
  readonly name: string
  /** One sentence: what must happen. */
  readonly expected: string
  /** How the devnet is started for it. */
  readonly devnet?: Pick<
    DevnetOptions,
    'nodes' | 'hostFaults' | 'verifierFaults' | 'evidenceFrom' | 'withUpgrade'
  >
  readonly cast?: Partial<Cast>
  /** Makes it happen, and judges by the chain and by logs what came of it. */
  readonly run: (scene: Scene) => Promise<Outcome>
}

/** What an injected fault led to. */
export type Outcome = {
  /** Each thing that had to hold, in words, and whether it did. */
  readonly findings: readonly Finding[]
  /** Transactions in which the fault or the answer to it stands. */
  readonly txs: readonly string[]
  readonly tasks: readonly FollowedTask[]
}

/** One thing that had to hold. */
export type Finding = { readonly holds: boolean; readonly says: string }
