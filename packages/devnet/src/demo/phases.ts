/** One thing that the audience waits for, and how long it took. */
export type Phase = { readonly name: string; readonly seconds: number }

/** Tells what happens. On a terminal each phase has one line that is written anew; elsewhere it gets one when it ends. */
export class Narrator {
  readonly #write: (text: string) => void
  readonly #redraws: boolean
  readonly #started = performance.now()
  readonly phases: Phase[] = []
  #open: { readonly name: string; readonly since: number; detail: string } | undefined

  constructor(out: { readonly write: (text: string) => unknown; readonly isTTY?: boolean }) {
    this.#write = (text) => void out.write(text)
    this.#redraws = out.isTTY === true
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (performance.now() - this.#started) / 1000
  }

  /** Begins a phase, and so ends the one before. `why` says what it is good for. */
  phase(name: string, why = ''): void {
    this.end()
    if (why !== '') this.say(`\n${why}`)
    this.#open = { name, since: performance.now(), detail: '' }
    this.#redraw()
  }

  /** What happens inside the phase right now. */
  detail(text: string): void {
    if (this.#open === undefined) return
    this.#open.detail = text
    this.#redraw()
  }

  /** Ends the phase that is open, if one is. */
  end(): void {
    if (this.#open === undefined) return
    const { name, since, detail } = this.#open
    const seconds = (performance.now() - since) / 1000
    this.phases.push({ name, seconds: round(seconds) })
    this.#open = undefined
    const rest = detail === '' ? '' : `  ${detail}`
    this.#write(
      `${this.#redraws ? '\r\u001B[K' : ''}  ${seconds.toFixed(1).padStart(5)} s  ${name}${rest}\n`,
    )
  }

  /** A sentence of its own. */
  say(text: string): void {
    this.#write(`${text}\n`)
  }

  #redraw(): void {
    if (!this.#redraws || this.#open === undefined) return
    const { name, detail } = this.#open
    this.#write(`\r\u001B[K    ...    ${name}${detail === '' ? '' : `  ${detail}`}`.slice(0, 160))
  }
}

/** Seconds as the report gives them. */
export function round(seconds: number): number {
  return Math.round(seconds * 10) / 10
}
