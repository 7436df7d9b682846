/** Turns tokens back into text. */
export type Detokenize = (tokens: readonly number[]) => string

const unfinished = '\ufffd'
const unfinishedTokensMax = 8

/**
 * Makes text of tokens as they come. A character may be spread over several tokens, so text is held back until its last character is
 * whole; and text that may be the beginning of a stop word is held back until it is not.
 */
export class TextStream {
  readonly #detokenize: Detokenize
  readonly #stops: readonly string[]
  /** The tokens of the last text, so that a word's leading space is not lost. */
  #before: number[] = []
  #pending: number[] = []
  #held = ''
  #stopped = false

  constructor(detokenize: Detokenize, stops: readonly string[]) {
    this.#detokenize = detokenize
    this.#stops = stops
  }

  /** Whether a stop word has come. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Takes a token; returns the text that is certain now, which may be none. */
  push(token: number): string {
    this.#pending.push(token)
    const text = this.#decodePending()
    if (text.endsWith(unfinished) && this.#pending.length < unfinishedTokensMax) return ''
    this.#before = this.#pending
    this.#pending = []
    return this.#release(this.#held + text)
  }

  /** What is left when no more tokens come. */
  finish(): string {
    const rest = this.#stopped ? '' : this.#held + this.#decodePending()
    this.#held = ''
    this.#pending = []
    const stop = this.#firstStop(rest)
    return stop < 0 ? rest : rest.slice(0, stop)
  }

  #decodePending(): string {
    if (this.#pending.length === 0) return ''
    const before = this.#detokenize(this.#before)
    return this.#detokenize([...this.#before, ...this.#pending]).slice(before.length)
  }

  #release(text: string): string {
    if (this.#stopped) return ''
    const stop = this.#firstStop(text)
    if (stop >= 0) {
      this.#stopped = true
      this.#held = ''
      return text.slice(0, stop)
    }
    const keep = this.#stops.reduce((most, word) => Math.max(most, overlap(text, word)), 0)
    this.#held = text.slice(text.length - keep)
    return text.slice(0, text.length - keep)
  }

  #firstStop(text: string): number {
    const places = this.#stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0)
    return places.length === 0 ? -1 : Math.min(...places)
  }
}

/** The length of the longest end of `text` that `word` begins with. */
function overlap(text: string, word: string): number {
  for (let size = Math.min(text.length, word.length - 1); size > 0; size--)
    if (text.endsWith(word.slice(0, size))) return size
  return 0
}
