import { OperationError } from '@cloister/codec'
import { costOf, emptyTranscript, nextTranscript, type Exchange } from '@cloister/protocol'
import type { Hex } from 'viem'

/** What a session costs, by its order. */
export type Price = { readonly unitWei: bigint; readonly feeWei: bigint }

/** What was used so far. */
export type Used = {
  readonly sequence: bigint
  readonly units: bigint
  readonly spentWei: bigint
  readonly transcript: Hex
}

/** Counts what a session uses, and writes its transcript. Nothing here asks a clock or a key. */
export class Meter {
  readonly #price: Price
  #used: Used = { sequence: 0n, units: 0n, spentWei: 0n, transcript: emptyTranscript }

  /** @throws {OperationError} `attempt-refused`, where a unit costs nothing: such an order is no session. */
  constructor(price: Price) {
    if (price.unitWei <= 0n)
      throw new OperationError('attempt-refused', 'Cannot run a session: the order has no unitWei')
    this.#price = price
  }

  get used(): Used {
    return this.#used
  }

  /** The units that there is money for. */
  get unitsLeft(): bigint {
    const { unitWei, feeWei } = this.#price
    const left = feeWei / unitWei - this.#used.units
    return left > 0n ? left : 0n
  }

  /** Writes down one exchange that came to its end; units past the money are not counted. Returns the units that were. */
  count(exchange: Omit<Exchange, 'sequence'>): bigint {
    const { unitWei, feeWei } = this.#price
    const counted = exchange.units < this.unitsLeft ? exchange.units : this.unitsLeft
    const sequence = this.#used.sequence + 1n
    const units = this.#used.units + counted
    this.#used = {
      sequence,
      units,
      spentWei: costOf(units, unitWei, feeWei),
      transcript: nextTranscript(this.#used.transcript, { ...exchange, units: counted, sequence }),
    }
    return counted
  }
}
