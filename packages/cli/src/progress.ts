/** Where progress is shown, and how. */
export type ProgressStreams = {
  readonly say: (line: string) => void
  /** Writes over the last line, where people look; undefined elsewhere. */
  readonly draw: ((line: string) => void) | undefined
  readonly now: () => number
}

const lineEveryMs = 5_000
const drawEveryMs = 100
const barCells = 24

/** Shows how far work on many bytes is: a bar where people look, a line every five seconds elsewhere. */
export class Progress {
  readonly #what: string
  readonly #total: number
  readonly #streams: ProgressStreams
  readonly #startedAt: number
  #before: number
  #done: number
  #shownAt: number

  constructor(what: string, total: number, streams: ProgressStreams) {
    this.#what = what
    this.#total = total
    this.#streams = streams
    this.#before = 0
    this.#done = 0
    this.#startedAt = streams.now()
    this.#shownAt = this.#startedAt
  }

  /** Tells of more bytes that are done. */
  add(bytes: number): void {
    this.#done = Math.min(this.#total, this.#done + bytes)
    const { now, draw, say } = this.#streams
    const at = now()
    if (at - this.#shownAt < (draw === undefined ? lineEveryMs : drawEveryMs)) return
    this.#shownAt = at
    if (draw === undefined) say(this.line())
    else draw(`${bar(this.#done / Math.max(1, this.#total))} ${this.line()}`)
  }

  /** Tells of bytes that were done before: they do not count for the rate. */
  skip(bytes: number): void {
    this.#before += bytes
    this.#done += bytes
  }

  /** Ends the bar's line. */
  end(): void {
    this.#streams.draw?.('')
  }

  /** What is shown: `sealed 1.2 of 10.0 GiB (12 %), 812 MiB/s, 11 s left`. */
  line(): string {
    const seconds = (this.#streams.now() - this.#startedAt) / 1000
    const rate = (this.#done - this.#before) / Math.max(seconds, 0.001)
    const left = rate > 0 ? `, ${sayDuration((this.#total - this.#done) / rate)} left` : ''
    const percent = this.#total === 0 ? 100 : Math.floor((this.#done / this.#total) * 100)
    return `${this.#what} ${sayBytes(this.#done)} of ${sayBytes(this.#total)} (${percent} %), ${sayBytes(rate)}/s${left}`
  }
}

/** A size as people read it. */
export function sayBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`
}

function sayDuration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

function bar(part: number): string {
  const full = Math.round(part * barCells)
  return `[${'#'.repeat(full)}${'.'.repeat(barCells - full)}]`
}
