/** The last second that a date can name. */
const secondsMax = 8_640_000_000_000

/** A time as people read it: `2026-03-05T10:50:03Z`. */
export function sayTime(seconds: number): string {
  return Math.abs(seconds) <= secondsMax
    ? new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
    : String(seconds)
}
