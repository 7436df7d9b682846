import type { Appraisal, Evidence, Given } from '@cloister/attest'
import type { Bytes } from '@cloister/codec'
import type { Random } from './random.ts'

/** Genuine evidence, and what it is judged by. Plain data, so that a worker can be given it. */
export type Base = {
  /** A sample of the corpus, or what the emulator was asked for. */
  readonly name: string
  readonly evidence: Evidence
  readonly given: Omit<Given, 'policy'>
}

/** What one case gives to the code under test: evidence and collateral, or bytes or text for one parser. */
export type Input = Base | Bytes | string

/** What was wrong with an answer. */
export type Problem = {
  readonly kind:
    | 'crash'
    | 'hang'
    | 'memory'
    | 'false-accept'
    | 'unlisted-flip'
    | 'not-deterministic'
    | 'invariant'
    | 'unclassified'
  readonly detail: string
}

/** One case, made and not judged yet. */
export type Case = {
  /** What it was made of. */
  readonly base: string
  readonly input: Input
  /** Judges it: an outcome to count, and a problem if there is one. What it throws is a crash. */
  readonly judge: () => Promise<Judged> | Judged
}

/** What came out of a case. */
export type Judged = { readonly outcome: string; readonly problem?: Problem }

/** One kind of input that is fuzzed. */
export type Format = {
  readonly name: string
  /** What is generated, in one line. */
  readonly what: string
  /** Undefined where there is nothing genuine to start from. */
  readonly open: (bases: readonly Base[]) => Promise<OpenFormat | undefined>
}

/** A format, ready to make cases. */
export type OpenFormat = {
  /** How many different cases there are, where their number is limited: every one is made once. */
  readonly total?: number
  /** Makes a case from its number, and from numbers that follow from its number and the seed. */
  readonly make: (index: number, random: Random) => Case
  /** Judges an input that a file holds. */
  readonly again: (input: Input) => Promise<Judged> | Judged
}

/** What the package under test exports that a case calls. A second copy of it runs on WebCrypto. */
export type Verifier = {
  readonly appraise: (evidence: Evidence, given: Given) => Promise<Appraisal>
}

/** Whether an input is evidence with what it is judged by. */
export function isBase(input: Input): input is Base {
  return typeof input === 'object' && !(input instanceof Uint8Array)
}
