declare const unit: unique symbol

/** Whole seconds since 1970-01-01T00:00:00Z. */
export type UnixSeconds = number & { readonly [unit]: 'unix-seconds' }

/**
 * Makes a {@link UnixSeconds}. There is no other way to make one.
 *
 * @throws {RangeError} where `value` is not a whole, non-negative number.
 */
export function unixSeconds(value: number): UnixSeconds {
  if (!isUnixSeconds(value)) throw new RangeError(`Cannot use ${value} as a time in seconds`)
  return value
}

function isUnixSeconds(value: number): value is UnixSeconds {
  return Number.isSafeInteger(value) && value >= 0
}
