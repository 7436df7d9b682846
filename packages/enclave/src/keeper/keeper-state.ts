import { OperationError } from '@cloister/codec'
import { sameHex } from '@cloister/protocol'
import type { Hex } from 'viem'

const pinsMax = 20_000
const usesMax = 200_000

/** Tasks that have used one grant. */
export type GrantUses = { readonly grant: Hex; readonly tasks: readonly Hex[] }

/**
 * What a keeper remembers from one request to the next, in memory only: which evidence it saw first for an attempt, and
 * which tasks have used which grants. Other keepers hand the uses on when they re-share (and the chain counts tasks, too).
 */
export class KeeperState {
  readonly #pins = new Map<string, { readonly quoteDigest: Hex; readonly released: Set<string> }>()
  readonly #uses = new Map<string, { readonly asset: Hex; readonly tasks: Set<string> }>()
  #usesCount = 0

  /** The first evidence that was seen for an attempt. */
  pinned(task: Hex, attempt: number): Hex | undefined {
    return this.#pins.get(pinOf(task, attempt))?.quoteDigest
  }

  /** Notes that a share is about to leave for an attempt whose evidence is pinned. */
  releases(task: Hex, attempt: number, asset: Hex): void {
    this.#pins.get(pinOf(task, attempt))?.released.add(asset.toLowerCase())
  }

  /** Whether a share of an asset has left for an attempt. */
  hasReleased(task: Hex, attempt: number, asset: Hex): boolean {
    return this.#pins.get(pinOf(task, attempt))?.released.has(asset.toLowerCase()) ?? false
  }

  /** Remembers evidence unless other evidence came first. Returns whether it is the one that counts. */
  pin(task: Hex, attempt: number, quoteDigest: Hex): boolean {
    const key = pinOf(task, attempt)
    const first = this.#pins.get(key)
    if (first !== undefined) return sameHex(first.quoteDigest, quoteDigest)
    // The oldest goes: its attempt has long ended on chain, which is checked before any pin.
    const [oldest] = this.#pins.keys()
    if (this.#pins.size >= pinsMax && oldest !== undefined) this.#pins.delete(oldest)
    this.#pins.set(key, { quoteDigest, released: new Set() })
    return true
  }

  /** How many tasks other than `task` have used a grant. */
  usesBefore(grant: Hex, task: Hex): number {
    const tasks = this.#uses.get(grant.toLowerCase())?.tasks
    if (tasks === undefined) return 0
    return tasks.size - (tasks.has(task.toLowerCase()) ? 1 : 0)
  }

  /** @throws {OperationError} `keeper-full`: what is not remembered must not be released. */
  use(asset: Hex, grant: Hex, task: Hex): void {
    const use = this.#uses.get(grant.toLowerCase()) ?? { asset, tasks: new Set() }
    if (use.tasks.has(task.toLowerCase())) return
    if (this.#usesCount >= usesMax)
      throw new OperationError('keeper-full', `Cannot remember more than ${usesMax} uses of grants`)
    use.tasks.add(task.toLowerCase())
    this.#uses.set(grant.toLowerCase(), use)
    this.#usesCount += 1
  }

  /** The uses of an asset's grants, for a keeper of it that has to start again. */
  usesOf(asset: Hex): GrantUses[] {
    return [...this.#uses]
      .filter(([, use]) => sameHex(use.asset, asset))
      .map(([grant, { tasks }]) => ({ grant: asHex(grant), tasks: [...tasks].map(asHex) }))
  }
}

function pinOf(task: Hex, attempt: number): string {
  return `${task.toLowerCase()} ${attempt}`
}

function asHex(text: string): Hex {
  return `0x${text.replace(/^0x/, '')}`
}
