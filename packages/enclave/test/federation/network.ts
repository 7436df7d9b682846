import { setTimeout as sleep } from 'node:timers/promises'

import { encodeHex, type Json } from '@cloister/codec'
import { digestOf, sameHex } from '@cloister/protocol'
import { generateEnvelopeKeyPair, type EnvelopePrivateKey } from '@cloister/seal'
import { bytesToHex, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

import { Channel, type Party } from '../../src/federation/channel.ts'

/** Seconds of the tests pass this many times faster. */
const haste = 10

/** One enclave of a test's federation. */
export type Enclave = {
  readonly party: Party
  readonly freshKey: EnvelopePrivateKey
  readonly sign: (digest: Hex) => Promise<Hex>
}

/** What a host may do with a note on its way: nothing, drop it, send others. */
export type OnNote = (to: Hex, note: Json) => readonly Json[]

/** Hosts and their stores, in memory. Channels, keys and seals are the real ones. */
export class Network {
  readonly plan = word(7)
  readonly deployment = word(9)
  readonly refused: string[] = []
  readonly sent: { readonly to: Hex; readonly note: Json }[] = []
  onNote: OnNote = (_to, note) => [note]
  readonly #objects = new Map<Hex, Uint8Array<ArrayBuffer>>()
  readonly #boxes = new Map<Hex, Json[]>()
  readonly #parties: Party[] = []

  async enclave(role: 'member' | 'coordinator', number: number): Promise<Enclave> {
    const account = privateKeyToAccount(generatePrivateKey())
    const fresh = await generateEnvelopeKeyPair({ extractable: false })
    const party: Party = {
      task: word(number),
      attempt: 1,
      role,
      receiptKey: account.address,
      freshPublicKey: fresh.publicKey,
      bundle: word(1000 + number),
    }
    this.#parties.push(party)
    return { party, freshKey: fresh.privateKey, sign: (hash) => account.sign({ hash }) }
  }

  channel({ party, freshKey, sign }: Enclave): Channel {
    const context = {
      deployment: this.deployment,
      plan: this.plan,
      own: party,
      freshKey,
      sign,
      mail: {
        send: (to: Hex, note: Json) => this.#send(to, note),
        take: (milliseconds: number) => this.#take(party.task, milliseconds),
      },
      objects: {
        read: (digest: Hex) => this.#read(digest),
        write: (bytes: Uint8Array<ArrayBuffer>) => this.#write(bytes),
      },
      judge: (bundle: Hex) => this.#judge(bundle),
      clock: () => performance.now() * haste,
      refused: (detail: string) => void this.refused.push(detail),
    }
    return new Channel(context, 1 << 20)
  }

  async #send(to: Hex, note: Json): Promise<void> {
    this.sent.push({ to, note })
    const box = this.#boxes.get(to) ?? []
    box.push(...this.onNote(to, note))
    this.#boxes.set(to, box)
  }

  async #take(task: Hex, milliseconds: number): Promise<readonly Json[]> {
    for (let waited = 0; waited < milliseconds / haste; waited += 5) {
      const notes = this.#boxes.get(task)?.splice(0) ?? []
      if (notes.length > 0) return notes
      await sleep(5)
    }
    return []
  }

  async #judge(bundle: Hex): Promise<Party> {
    const party = this.#parties.find((each) => sameHex(each.bundle, bundle))
    if (party === undefined) throw new Error('no such evidence')
    return party
  }

  async #read(digest: Hex): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#objects.get(digest)
    if (bytes === undefined) throw new Error('no such object')
    return bytes
  }

  async #write(bytes: Uint8Array<ArrayBuffer>): Promise<Hex> {
    const digest = digestOf(bytes)
    this.#objects.set(digest, bytes)
    return digest
  }

  /** Every byte that a host has seen. */
  objects(): readonly string[] {
    return [...this.#objects.values()].map((bytes) => encodeHex(bytes))
  }
}

/** A 32-byte word that stands for a number. */
export function word(number: number): Hex {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(28, number)
  return bytesToHex(bytes)
}
