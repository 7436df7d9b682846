import {
  canonicalJson,
  concatBytes,
  encodeUtf8,
  OperationError,
  parseHex,
  type Bytes,
  type Json,
} from '@cloister/codec'
import {
  federationNoteDigest,
  federationNoteField,
  isSignedFederationNote,
  sameHex,
  type FederationNote,
  type FederationNoteKind,
  type UnsignedFederationNote,
} from '@cloister/protocol'
import {
  keyBytes,
  open,
  openEnvelope,
  seal,
  sealEnvelope,
  type EnvelopePrivateKey,
} from '@cloister/seal'
import { bytesToHex, type Address, type Hex } from 'viem'

/** An enclave of a federation, as its own evidence shows it. */
export type Party = {
  readonly task: Hex
  readonly attempt: number
  /** Its order has data beside the plan, or the plan alone. */
  readonly role: 'member' | 'coordinator'
  readonly receiptKey: Address
  readonly freshPublicKey: Bytes
  /** The evidence bundle that shows it, an object. */
  readonly bundle: Hex
}

/** What a channel stands on. Hosts carry notes and objects; nothing that they say is believed. */
export type ChannelContext = {
  readonly deployment: Hex
  readonly plan: Hex
  readonly own: Party
  readonly freshKey: EnvelopePrivateKey
  readonly sign: (digest: Hex) => Promise<Hex>
  readonly mail: {
    readonly send: (to: Hex, note: Json) => Promise<void>
    /** Notes to this task that were not taken yet, after at most so many milliseconds. */
    readonly take: (waitMilliseconds: number) => Promise<readonly Json[]>
  }
  readonly objects: {
    readonly read: (digest: Hex, bytesMax: number) => Promise<Bytes>
    readonly write: (bytes: Bytes) => Promise<Hex>
  }
  /** Whom a bundle shows. @throws where it is not believed. */
  readonly judge: (bundle: Hex) => Promise<Party>
  /** Milliseconds that only ever grow. */
  readonly clock: () => number
  /** Told of each note that is not taken, in words without a value of it. */
  readonly refused: (detail: string) => void
}

/** A note that was checked, from whom, and what it says. */
export type Received = {
  readonly from: Party
  readonly note: FederationNote
  readonly content: Bytes
}

/** Which notes are waited for. */
export type Wanted = {
  readonly kinds: readonly FederationNoteKind[]
  readonly round?: number
  readonly from?: readonly Hex[]
}

const info = encodeUtf8('cloister/federation/1')
const queueMax = 256
const judgedMax = 64
const pollMilliseconds = 2_000

/**
 * Talks to the other enclaves of one federation: each note signed by its sender's receipt key, its content sealed to its
 * receiver's fresh key, both keys as evidence shows them. Each (sender, kind, round) is taken once.
 *
 * Spec: docs/federated.md, "Attested channels".
 */
export class Channel {
  readonly #context: ChannelContext
  readonly #contentBytesMax: number
  readonly #parties = new Map<Hex, Party | undefined>()
  readonly #taken = new Set<string>()
  readonly #queue: Received[] = []

  constructor(context: ChannelContext, contentBytesMax: number) {
    this.#context = context
    this.#contentBytesMax = contentBytesMax
    this.#parties.set(context.own.bundle, context.own)
  }

  get own(): Party {
    return this.#context.own
  }

  /** Milliseconds of this channel's clock. */
  now(): number {
    return this.#context.clock()
  }

  /** The enclave that a bundle shows; undefined where it is not believed. Judged once. */
  async party(bundle: Hex): Promise<Party | undefined> {
    if (this.#parties.has(bundle)) return this.#parties.get(bundle)
    if (this.#parties.size >= judgedMax) return undefined
    try {
      const party = await this.#context.judge(bundle)
      this.#parties.set(bundle, party)
      return party
    } catch (error) {
      // What the chain does not show yet, it may show a block later.
      if (!(error instanceof OperationError && error.retryable))
        this.#parties.set(bundle, undefined)
      this.#context.refused('evidence of the sender is not accepted')
      return undefined
    }
  }

  /** Says that this enclave is there. Whoever receives it reads the bundle and judges for itself. */
  async hello(to: { readonly task: Hex; readonly attempt: number }): Promise<void> {
    await this.#post(this.#header(to, 'hello', 0))
  }

  /** Sends `content`, for `to` alone to read. */
  async send(to: Party, kind: FederationNoteKind, round: number, content: Bytes): Promise<void> {
    const header = this.#header(to, kind, round)
    const bound = contextOf(header)
    const key = crypto.getRandomValues(new Uint8Array(keyBytes))
    try {
      const envelope = bytesToHex(await sealEnvelope(to.freshPublicKey, info, bound, key))
      const object = await this.#context.objects.write(await seal(key, bound, content))
      await this.#post({ ...header, envelope, content: object })
    } finally {
      key.fill(0)
    }
  }

  /** The next wanted note, or undefined once the clock shows `deadline`. Others wait in a bounded queue. */
  async receive(wanted: Wanted, deadline: number): Promise<Received | undefined> {
    for (;;) {
      const index = this.#queue.findIndex((received) => isWanted(received, wanted))
      if (index >= 0) return this.#queue.splice(index, 1)[0]
      const left = deadline - this.now()
      if (left <= 0) return undefined
      for (const json of await this.#context.mail.take(Math.min(left, pollMilliseconds)))
        await this.#take(json)
    }
  }

  /** Gives a note back that somebody else waits for. */
  putBack(received: Received): void {
    this.#queue.unshift(received)
  }

  async #take(json: Json): Promise<void> {
    try {
      const received = await this.#check(federationNoteField.parse(json, 'note'))
      if (this.#isRepeatedHello(received)) return
      if (this.#queue.length >= queueMax) this.#context.refused('too many notes wait')
      else this.#queue.push(received)
    } catch (error) {
      const detail = error instanceof OperationError ? error.message : 'a note cannot be read'
      this.#context.refused(detail)
    }
  }

  // A hello may be carried any number of times, by anybody: it must not take the room of what comes once.
  #isRepeatedHello({ note, from }: Received): boolean {
    const isSame = (waiting: Received) =>
      waiting.note.kind === 'hello' && waiting.from.bundle === from.bundle
    return note.kind === 'hello' && this.#queue.some(isSame)
  }

  async #check(note: FederationNote): Promise<Received> {
    const { deployment, plan, own } = this.#context
    const isMeant =
      sameHex(note.deployment, deployment) &&
      sameHex(note.plan, plan) &&
      sameHex(note.to, own.task) &&
      note.toAttempt === own.attempt
    if (!isMeant) throw refusal('a note is meant for another enclave')
    const from = await this.party(note.bundle)
    if (from === undefined) throw refusal('a note comes from an enclave that is not believed')
    if (!sameHex(from.task, note.from) || from.attempt !== note.fromAttempt)
      throw refusal('a note names another sender than its evidence')
    if (!(await isSignedFederationNote(note, from.receiptKey)))
      throw refusal('a note is not signed by its sender')
    const key = `${note.from} ${note.fromAttempt} ${note.kind} ${note.round}`
    // A hello may be said again, for its receiver may have started since.
    if (note.kind !== 'hello' && this.#taken.has(key)) throw refusal('a note comes a second time')
    const content = await this.#open(note)
    this.#taken.add(key)
    return { from, note, content }
  }

  async #open(note: FederationNote): Promise<Bytes> {
    if (note.kind === 'hello') return new Uint8Array(0)
    if (note.envelope === undefined || note.content === undefined)
      throw refusal('a note has no content')
    const bound = contextOf(note)
    const envelope = parseHex(note.envelope, 'note.envelope')
    const key = await openEnvelope(this.#context.freshKey, info, bound, envelope)
    try {
      const sealed = await this.#context.objects.read(note.content, this.#contentBytesMax)
      return await open(key, bound, sealed)
    } finally {
      key.fill(0)
    }
  }

  #header(
    to: { readonly task: Hex; readonly attempt: number },
    kind: FederationNoteKind,
    round: number,
  ): UnsignedFederationNote {
    const { deployment, plan, own } = this.#context
    return {
      deployment,
      plan,
      from: own.task,
      fromAttempt: own.attempt,
      to: to.task,
      toAttempt: to.attempt,
      kind,
      round,
      bundle: own.bundle,
      content: undefined,
      envelope: undefined,
    }
  }

  async #post(note: UnsignedFederationNote): Promise<void> {
    const signature = await this.#context.sign(federationNoteDigest(note))
    await this.#context.mail.send(note.to, federationNoteField.encode({ ...note, signature }))
  }
}

/** What a content is bound to: moved to another note, it does not open. */
function contextOf(note: UnsignedFederationNote): Bytes {
  const { plan, from, fromAttempt, to, toAttempt, kind, round } = note
  return concatBytes(
    encodeUtf8('cloister/federation/1\0'),
    encodeUtf8(canonicalJson({ plan, from, fromAttempt, to, toAttempt, kind, round })),
  )
}

function isWanted({ note, from }: Received, { kinds, round, from: senders }: Wanted): boolean {
  return (
    kinds.includes(note.kind) &&
    (round === undefined || note.round === round) &&
    (senders === undefined || senders.some((task) => sameHex(task, from.task)))
  )
}

function refusal(detail: string): OperationError {
  return new OperationError('note-refused', detail)
}
