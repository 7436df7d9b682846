import { OperationError } from '@cloister/codec'
import { sameHex } from '@cloister/protocol'
import type { Hex } from 'viem'

const pinsMax = 20_000
const usesMax = 200_000
const erasedMax = 100_000

/** Tasks that have used one grant. */
export type GrantUses = { readonly grant: Hex; readonly tasks: readonly Hex[] }

/** The evidence that was first shown for an attempt. */
export type Pin = { readonly task: Hex; readonly attempt: number; readonly quoteDigest: Hex }

type KnownPin = Pin & {
  /** Assets of which a record was made: a share may have left. */
  readonly begun: Set<string>
  readonly released: Set<string>
  readonly assets: Set<string>
}

/** What is written into a sealed state, and handed on when keepers re-share. */
export type KeeperMemory = {
  readonly pins: readonly (Pin & {
    readonly assets: readonly Hex[]
    readonly released: readonly Hex[]
  })[]
  readonly uses: readonly (GrantUses & { readonly asset: Hex })[]
  readonly erased: readonly Hex[]
}

/**
 * What a keeper remembers from one request to the next: which evidence it saw first for an attempt, which tasks have used
 * which grants, and which assets' shares were destroyed. Other keepers hand it on when they re-share (and the chain counts
 * tasks, too).
 */
export class KeeperState {
  readonly #pins = new Map<string, KnownPin>()
  readonly #uses = new Map<string, { readonly asset: Hex; readonly tasks: Set<string> }>()
  readonly #erased = new Set<string>()
  readonly #refused = new Set<string>()
  #usesCount = 0
  #silence: string | undefined

  /** Has this keeper say nothing any more: what it was started with is older than what others have seen of it. */
  silenceFor(why: string): void {
    this.#silence ??= why
  }

  /** Why this keeper is silent, if it is. */
  get silentFor(): string | undefined {
    return this.#silence
  }

  /** @throws {OperationError} `keeper-silent`, with the reason. */
  requireVoice(): void {
    if (this.#silence !== undefined)
      throw new OperationError('keeper-silent', `This keeper stays silent: ${this.#silence}`)
  }

  /** The first evidence that was seen for an attempt. */
  pinned(task: Hex, attempt: number): Hex | undefined {
    return this.#pins.get(pinOf(task, attempt))?.quoteDigest
  }

  /** Notes that a record is made for an attempt: after a restart nobody knows whether the share left. */
  begins(task: Hex, attempt: number, asset: Hex): void {
    this.#pins.get(pinOf(task, attempt))?.begun.add(asset.toLowerCase())
  }

  /** Notes that a share is about to leave for an attempt whose evidence is pinned. */
  releases(task: Hex, attempt: number, asset: Hex): void {
    this.#pins.get(pinOf(task, attempt))?.released.add(asset.toLowerCase())
  }

  /** Whether a share of an asset has left for an attempt. */
  hasReleased(task: Hex, attempt: number, asset: Hex): boolean {
    return this.#pins.get(pinOf(task, attempt))?.released.has(asset.toLowerCase()) ?? false
  }

  /** Notes that nothing is released to an attempt any more, because a refusal that ends attempts is signed. */
  refuses(task: Hex, attempt: number, asset: Hex): void {
    const [oldest] = this.#refused
    if (this.#refused.size >= pinsMax && oldest !== undefined) this.#refused.delete(oldest)
    this.#refused.add(refusedOf(task, attempt, asset))
  }

  /** Whether that was noted. */
  hasRefused(task: Hex, attempt: number, asset: Hex): boolean {
    return this.#refused.has(refusedOf(task, attempt, asset))
  }

  /** Remembers evidence unless other evidence came first. Returns whether it is the one that counts. */
  pin({ task, attempt, quoteDigest }: Pin, asset: Hex): boolean {
    const key = pinOf(task, attempt)
    const first = this.#pins.get(key)
    if (first !== undefined) {
      first.assets.add(asset.toLowerCase())
      return sameHex(first.quoteDigest, quoteDigest)
    }
    // The oldest goes: its attempt has long ended on chain, which is checked before any pin.
    const [oldest] = this.#pins.keys()
    if (this.#pins.size >= pinsMax && oldest !== undefined) this.#pins.delete(oldest)
    const assets = new Set([asset.toLowerCase()])
    this.#pins.set(key, {
      task,
      attempt,
      quoteDigest,
      begun: new Set(),
      released: new Set(),
      assets,
    })
    return true
  }

  /** Evidence that was first shown for attempts on an asset, the newest `max` of it. */
  pinsOf(asset: Hex, max: number): Pin[] {
    return [...this.#pins.values()]
      .filter(({ assets }) => assets.has(asset.toLowerCase()))
      .slice(-max)
      .map(({ task, attempt, quoteDigest }) => ({ task, attempt, quoteDigest }))
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

  /** Destroys what is remembered of an asset, but that it was erased. @throws {OperationError} `keeper-full`. */
  erase(asset: Hex): void {
    if (this.#erased.size >= erasedMax)
      throw new OperationError('keeper-full', `Cannot remember more than ${erasedMax} erasures`)
    this.#erased.add(asset.toLowerCase())
    for (const [grant, use] of this.#uses)
      if (sameHex(use.asset, asset)) {
        this.#uses.delete(grant)
        this.#usesCount -= use.tasks.size
      }
    for (const [key, pin] of this.#pins)
      if (pin.assets.delete(asset.toLowerCase()) && pin.assets.size === 0) this.#pins.delete(key)
  }

  /** Whether the owner had the shares of an asset destroyed. */
  isErased(asset: Hex): boolean {
    return this.#erased.has(asset.toLowerCase())
  }

  /** All of it, the newest `max` of each kind, for a sealed state. */
  memory(max: number): KeeperMemory {
    return {
      pins: [...this.#pins.values()].slice(-max).map(({ begun, released, assets, ...pin }) => ({
        ...pin,
        assets: [...assets].map(asHex),
        released: [...new Set([...begun, ...released])].map(asHex),
      })),
      uses: [...this.#uses].slice(-max).map(([grant, { asset, tasks }]) => ({
        ...{ asset, grant: asHex(grant) },
        tasks: [...tasks].map(asHex),
      })),
      erased: [...this.#erased].slice(-max).map(asHex),
    }
  }

  /** Takes what was sealed before a restart. What is known already stands. */
  adopt({ pins, uses, erased }: KeeperMemory): void {
    for (const { assets, released, ...pin } of pins)
      for (const asset of assets)
        if (this.pin(pin, asset) && released.some((each) => sameHex(each, asset)))
          this.releases(pin.task, pin.attempt, asset)
    for (const { asset, grant, tasks } of uses)
      for (const task of tasks) this.use(asset, grant, task)
    for (const asset of erased) this.#erased.add(asset.toLowerCase())
  }
}

function pinOf(task: Hex, attempt: number): string {
  return `${task.toLowerCase()} ${attempt}`
}

function refusedOf(task: Hex, attempt: number, asset: Hex): string {
  return `${pinOf(task, attempt)} ${asset.toLowerCase()}`
}

function asHex(text: string): Hex {
  return `0x${text.replace(/^0x/, '')}`
}
