import { MalformedError, unixSeconds, type UnixSeconds } from '@cloister/codec'
import { addressField, bytes32Field, decimalField, integerField } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { readAs } from './command.ts'

/** A task, asset, app or digest: 32 bytes as `0x` hexadecimal. @throws {OperationError} `usage`. */
export function parseId(name: string, text: string): Hex {
  return readAs(name, text, (value) => bytes32Field.parse(value.toLowerCase(), name))
}

/** An account's address. @throws {MalformedError}. */
export function parseAddress(text: string): Address {
  return addressField.parse(text, 'address')
}

/** An amount in wei. @throws {MalformedError}. */
export function parseWei(text: string): bigint {
  return decimalField(96).parse(text, 'amount in wei')
}

/** A whole number of a range. @throws {MalformedError}. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  const field = integerField(min, max)
  return (text) => field.parse(/^\d{1,16}$/.test(text) ? Number(text) : text, 'number')
}

/** A chain's id. @throws {OperationError} `usage`. */
export function parseChainId(text: string): number {
  return readAs('chain', text, wholeNumber(1, Number.MAX_SAFE_INTEGER))
}

/** A point in time: `2026-03-05T10:50:03Z`, or Unix seconds. @throws {MalformedError}. */
export function parseTime(text: string): UnixSeconds {
  if (/^\d{1,12}$/.test(text)) return unixSeconds(Number(text))
  const isFull = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/.test(text)
  const milliseconds = isFull ? Date.parse(text) : Number.NaN
  if (!Number.isFinite(milliseconds) || milliseconds < 0)
    throw new MalformedError('time', 0, 'expected Unix seconds or a time like 2026-03-05T10:50:03Z')
  return unixSeconds(Math.floor(milliseconds / 1000))
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** A point in time, or a while from `now` on: `30d`, `12h`, `90m`, `45s`. @throws {MalformedError}. */
export function timeFrom(now: UnixSeconds): (text: string) => UnixSeconds {
  return (text) => {
    const [, count, unit] = /^\+?(\d{1,6})([smhd])$/.exec(text) ?? []
    const seconds = unit === undefined ? undefined : unitSeconds[unit]
    if (seconds === undefined) return parseTime(text)
    return unixSeconds(now + Number(count) * seconds)
  }
}

/** A point in time as people and programs read it. */
export function sayTime(seconds: number | bigint): string {
  const milliseconds = Number(seconds) * 1000
  return Number.isFinite(milliseconds) && milliseconds <= 8.64e15
    ? new Date(milliseconds).toISOString().replace('.000Z', 'Z')
    : String(seconds)
}

/** A decimal number such as 0.5, in units of its last digit: `0.5` with six digits is 500000. @throws {MalformedError}. */
export function parseDecimal(digits: number): (text: string) => bigint {
  return (text) => {
    const [, whole, part = ''] = /^(\d{1,12})(?:\.(\d+))?$/.exec(text) ?? []
    if (whole === undefined || part.length > digits)
      throw new MalformedError(
        'number',
        0,
        `expected a number such as 0.5, of ${digits} digits at most behind the point`,
      )
    return BigInt(whole + part.padEnd(digits, '0'))
  }
}
