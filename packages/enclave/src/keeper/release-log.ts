import type { Json } from '@cloister/codec'
import {
  messageDigest,
  messageToJson,
  zeroHash,
  type Domain,
  type Release,
} from '@cloister/protocol'
import type { Hex } from 'viem'

import type { HostCalls } from '../host-calls.ts'
import type { Identity } from '../identity.ts'
import type { KeeperState } from './keeper-state.ts'

/** A release record and this keeper's signature. */
export type SignedRecord = {
  readonly release: Release
  readonly digest: Hex
  readonly signature: Hex
}

/** What a record says besides its place in the chain of records. */
export type RecordBody = Omit<Release, 'keeper' | 'previous' | 'sequence'>

const newestMax = 256

/**
 * The chain of this keeper's release records: each names the one before, and is on the host's disk before the next is made.
 */
export class ReleaseLog {
  readonly #domain: Domain
  readonly #identity: Identity
  readonly #host: HostCalls
  readonly #state: KeeperState
  #previous: Hex = zeroHash
  #sequence = 0n
  #newest: readonly Hex[] = []
  #unwritten: Json | undefined
  #last: Json | undefined
  #isKnownHost = true
  #turn: Promise<unknown> = Promise.resolve()

  constructor(domain: Domain, identity: Identity, host: HostCalls, state: KeeperState) {
    this.#state = state
    this.#domain = domain
    this.#identity = identity
    this.#host = host
  }

  /** How many records there are: the number of the next. */
  get sequence(): bigint {
    return this.#sequence
  }

  /** Digests of the newest records, the last one last. */
  get newest(): readonly Hex[] {
    return this.#newest
  }

  /** Another host is connected, or the same one again: it has to show that its journal holds the newest record. */
  hostChanged(): void {
    this.#isKnownHost = false
  }

  /** Signs the next record and returns it once it is durable. */
  append(body: RecordBody): Promise<SignedRecord> {
    const appended = this.#turn.then(() => this.#append(body))
    this.#turn = appended.catch(() => undefined) // The failure is the caller's; the next one still gets its turn.
    return appended
  }

  async #append(body: RecordBody): Promise<SignedRecord> {
    await this.#requireJournal()
    await this.#write() // A record whose writing failed comes first: a gap would look like a second history.
    const release = {
      ...body,
      keeper: this.#identity.receiptKey,
      previous: this.#previous,
      sequence: this.#sequence,
    }
    const digest = messageDigest(this.#domain, 'Release', release)
    const signature = await this.#identity.sign('Release', release)
    this.#previous = digest
    this.#sequence += 1n
    this.#newest = [...this.#newest, digest].slice(-newestMax)
    this.#unwritten = { kind: 'release', release: messageToJson('Release', release), signature }
    await this.#write()
    return { release, digest, signature }
  }

  // A host that restarted with an older copy of its journal has lost records that others countersigned.
  async #requireJournal(): Promise<void> {
    if (this.#isKnownHost) return
    if (this.#last !== undefined && !(await this.#host.journalHolds(this.#last))) {
      this.#state.silenceFor(
        `its host's journal does not hold record ${this.#sequence - 1n} of this keeper: it is an older one. Give the host its newest journal, or start the enclave anew`,
      )
      this.#state.requireVoice()
    }
    this.#isKnownHost = true
  }

  async #write(): Promise<void> {
    if (this.#unwritten === undefined) return
    await this.#host.journal(this.#unwritten)
    this.#last = this.#unwritten
    this.#unwritten = undefined
  }
}
