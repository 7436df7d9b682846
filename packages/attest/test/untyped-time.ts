import type { UnixSeconds } from '@cloister/codec'

/** Any number as a time: what a caller without types can give. */
export function untypedTime(seconds: number): UnixSeconds {
  if (!isNumber(seconds)) throw new RangeError(`Cannot use ${String(seconds)} as a number`)
  return seconds
}

function isNumber(value: number): value is UnixSeconds {
  return typeof value === 'number'
}
