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

/** A release record and this keeper's signature. */
export type SignedRecord = {
  readonly release: Release
  readonly digest: Hex
  readonly signature: Hex
}

/** What a record says besides its place in the chain of records. */
export type RecordBody = Omit<Release, 'keeper' | 'previous' | 'sequence'>

/**
 * The chain of this keeper's release records: each names the one before, and is on the host's disk before the next is made.
 */
export class ReleaseLog {
  readonly #domain: Domain
  readonly #identity: Identity
  readonly #host: HostCalls
  #previous: Hex = zeroHash
  #sequence = 0n
  #unwritten: Json | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(domain: Domain, identity: Identity, host: HostCalls) {
    this.#domain = domain
    this.#identity = identity
    this.#host = host
  }

  /** Signs the next record and returns it once it is durable. */
  append(body: RecordBody): Promise<SignedRecord> {
    const appended = this.#turn.then(() => this.#append(body))
    this.#turn = appended.catch(() => undefined) // The failure is the caller's; the next one still gets its turn.
    return appended
  }

  async #append(body: RecordBody): Promise<SignedRecord> {
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
    this.#unwritten = { kind: 'release', release: messageToJson('Release', release), signature }
    await this.#write()
    return { release, digest, signature }
  }

  async #write(): Promise<void> {
    if (this.#unwritten === undefined) return
    await this.#host.journal(this.#unwritten)
    this.#unwritten = undefined
  }
}
