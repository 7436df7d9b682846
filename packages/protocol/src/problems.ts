import { sameHex } from './ids.ts'

/** One thing wrong with a message, or between two. */
export type Problem = { readonly field: string; readonly detail: string }

/** The problem that `actual` is not `expected`, or none. Hexadecimal is compared as bytes. */
export function differs(
  field: string,
  actual: string | number | bigint,
  expected: string | number | bigint | undefined,
): readonly Problem[] {
  const same =
    typeof actual === 'string' && typeof expected === 'string'
      ? sameHex(actual, expected)
      : actual === expected
  return same ? [] : [{ field, detail: `got ${actual}, expected ${expected}` }]
}

/** The problem that something does not hold, or none. */
export function unless(holds: boolean, field: string, detail: string): readonly Problem[] {
  return holds ? [] : [{ field, detail }]
}
