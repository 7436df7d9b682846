import { sameHex, type Witness } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

const livesMax = 16

/** One start of this node's keeper, from its first record to its last. */
export type Life = {
  readonly keeper: Address
  /** How many records it made: the number of its next. */
  readonly sequence: bigint
  /** Digests of its newest records; the last is number `sequence - 1`. */
  readonly records: readonly Hex[]
}

/** The earlier starts of this keeper that it knows of, from a sealed state or from those who re-shared to it. */
export class EarlierLives {
  #lives: readonly Life[] = []

  get all(): readonly Life[] {
    return this.#lives
  }

  /** Takes a life; of two accounts of one the longer stands. */
  add(life: Life): void {
    const before = this.#lives.find(({ keeper }) => sameHex(keeper, life.keeper))
    if (before !== undefined && before.sequence >= life.sequence) return
    this.#lives = [...this.#lives.filter((each) => each !== before), life].slice(-livesMax)
  }
}

/**
 * What speaks against a state of which these are the lives, given what another keeper has seen; undefined where nothing does.
 * A record that others countersigned and the state does not know means that it is an older one.
 */
export function whyOlder(
  lives: readonly Life[],
  {
    seen,
    keeper,
    sequence,
    record,
    witness,
  }: Pick<Witness, 'seen' | 'keeper' | 'sequence' | 'record' | 'witness'>,
): string | undefined {
  if (!seen) return undefined
  const life = lives.find((each) => sameHex(each.keeper, keeper))
  if (life === undefined)
    return `keeper ${witness} has countersigned record ${sequence} of this operator's keeper ${keeper}, of which this state knows nothing; it is an older one`
  if (sequence >= life.sequence)
    return `keeper ${witness} has countersigned record ${sequence} of ${keeper}, and this state ends before record ${life.sequence}; it is an older one`
  const known = life.records[life.records.length - Number(life.sequence - sequence)]
  if (known !== undefined && !sameHex(known, record))
    return `keeper ${witness} has countersigned another record ${sequence} of ${keeper} than this state has: there were two of this keeper`
  return undefined
}
