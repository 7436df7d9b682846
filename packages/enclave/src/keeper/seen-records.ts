import { OperationError } from '@cloister/codec'
import { sameHex, type Release } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

const keepersMax = 10_000
const recordsMax = 256

/** The newest record of an operator's keepers that this enclave countersigned. */
export type SeenHead = {
  readonly operator: Address
  readonly keeper: Address
  readonly sequence: bigint
  readonly digest: Hex
  readonly time: bigint
}

type Known = { readonly digest: Hex; readonly previous: Hex }

/** The newest records that this enclave countersigned, of each keeper. */
export class SeenRecords {
  readonly #records = new Map<string, Map<bigint, Known>>()
  /** By operator: it outlives the keys of single starts. */
  readonly #heads = new Map<string, SeenHead>()

  /**
   * Takes a record of a keeper. Records come in any order (several attempts run at once) and some never come (other
   * keepers countersigned those), but there is one for each number, and neighbours fit.
   *
   * @throws {OperationError} `record-forked`.
   */
  take({ keeper, sequence, previous, time }: Release, digest: Hex, operator: Address): void {
    const known = this.#records.get(keeper.toLowerCase()) ?? new Map<bigint, Known>()
    const same = known.get(sequence)
    if (same !== undefined && sameHex(same.digest, digest)) return
    const before = known.get(sequence - 1n)
    const after = known.get(sequence + 1n)
    const oldest = [...known.keys()].reduce(
      (least, each) => (each < least ? each : least),
      sequence,
    )
    const fits =
      same === undefined &&
      (before === undefined || sameHex(before.digest, previous)) &&
      (after === undefined || sameHex(after.previous, digest)) &&
      (known.size < recordsMax || sequence > oldest)
    if (!fits)
      throw new OperationError(
        'record-forked',
        `Cannot countersign record ${sequence} of keeper ${keeper} of operator ${operator}: it does not fit its other records`,
      )
    if (known.size === 0 && this.#records.size >= keepersMax)
      throw new OperationError('keeper-full', `Cannot follow more than ${keepersMax} keepers`)
    if (known.size >= recordsMax) known.delete(oldest)
    known.set(sequence, { digest, previous })
    this.#records.set(keeper.toLowerCase(), known)
    this.#lead({ operator, keeper, sequence, digest, time })
  }

  /** The newest record of an operator's keepers, under whichever key. */
  newestOf(operator: Address): SeenHead | undefined {
    return this.#heads.get(operator.toLowerCase())
  }

  /** The newest records of the operators that were heard of last, `max` of them. */
  heads(max: number): SeenHead[] {
    return [...this.#heads.values()].slice(-max)
  }

  /** Takes the newest records from before a restart. */
  adopt(heads: readonly SeenHead[]): void {
    for (const head of heads) this.#lead(head)
  }

  #lead(head: SeenHead): void {
    const before = this.#heads.get(head.operator.toLowerCase())
    const sameKey = before !== undefined && sameHex(before.keeper, head.keeper)
    if (
      before !== undefined &&
      (sameKey ? before.sequence > head.sequence : before.time > head.time)
    )
      return
    const [oldest] = this.#heads.keys()
    if (before === undefined && this.#heads.size >= keepersMax && oldest !== undefined)
      this.#heads.delete(oldest)
    this.#heads.set(head.operator.toLowerCase(), head)
  }
}
