import type { Leak } from '../leaks/scan.ts'
import type { Phase } from './phases.ts'

/** Who got what for a task, and the transaction that gave it to them on the chain they chose. */
export type PaidLine = {
  readonly role: string
  readonly account: string
  readonly chain: number
  readonly amount: string
  readonly tx: string
}

/** What became of one task. */
export type TaskReport = {
  readonly id: string
  readonly kind: 'train' | 'infer'
  /** The receipt key of the node that ran it. */
  readonly node: string
  readonly tee: string
  readonly attempts: number
  readonly judgement: 'accepted' | 'refused' | 'none'
  /** How many votes stand. */
  readonly votes: number
  /** Path of the receipt file; null where there is no receipt. */
  readonly receipt: string | null
  readonly phases: readonly Phase[]
  readonly paid: readonly PaidLine[]
}

/** How an injected fault ended. */
export type InjectionReport = {
  readonly name: string
  /** Whether the network defended itself as expected: computed from the chain and from logs. */
  readonly defended: boolean
  readonly expected: string
  readonly observed: string
  readonly txs: readonly string[]
  readonly slashedWei: string
  readonly refundedWei: string
}

/** The object that the demo prints last. Spec: docs/devnet.md. */
export type DemoReport = {
  readonly ok: boolean
  readonly seconds: number
  readonly tasks: readonly TaskReport[]
  readonly model: {
    readonly accuracy: number
    readonly pooledAccuracy: number
    /** Of each clinic alone, in the order of {@link clinics}. */
    readonly ownAccuracies: readonly number[]
    readonly clinics: readonly string[]
  } | null
  readonly ledger: { readonly driftWei: string }
  /** How many canaries were found outside their owner's folder. */
  readonly leaks: number
  readonly leaksFound: readonly Leak[]
  /** What could not be shown here, and why. */
  readonly skipped: readonly string[]
  /** What the story promises and did not keep. */
  readonly problems: readonly string[]
  readonly injected: InjectionReport | null
}
