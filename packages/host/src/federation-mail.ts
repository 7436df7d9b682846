import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError, type Json } from '@cloister/codec'
import { fetchJson } from '@cloister/io'
import {
  federationNoteField,
  isSignedFederationNote,
  sameHex,
  type FederationNote,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { OpenTask } from './chain-facts.ts'

/** A running attempt, as the chain has it. */
export type RunningTask = {
  readonly attempt: number
  readonly node: Address
  readonly running: boolean
}

/** What carrying notes needs to know. */
export type MailContext = {
  readonly deployment: Hex
  /** The receipt key of this node's enclave. */
  readonly receiptKey: Address
  readonly tasks: () => ReadonlyMap<Hex, OpenTask>
  readonly taskOf: (task: Hex) => Promise<RunningTask>
  /** Where the host of a node is; undefined where nobody says. */
  readonly urlOf: (receiptKey: Address) => string | undefined
}

const boxesMax = 16
const notesPerSenderMax = 32
const takenAtOnce = 16
const lookMilliseconds = 50
const sendMs = 10_000

type Box = { readonly key: string; readonly notes: FederationNote[] }

/**
 * Notes between the enclaves of a federation, on their way. It reads who sends to whom, and nothing of what they say. Notes are
 * taken only from nodes that the chain runs a task of the same plan on, so that nobody else can fill a box.
 *
 * Spec: docs/federated.md, "Attested channels".
 */
export class FederationMail {
  readonly #context: MailContext
  readonly #boxes: Box[] = []

  constructor(context: MailContext) {
    this.#context = context
  }

  /** Carries a note of the own enclave to the host that runs the task it is for. @throws {OperationError} `mail-undeliverable`. */
  async send(json: Json): Promise<void> {
    const note = federationNoteField.parse(json, 'note')
    const { node, running } = await this.#context.taskOf(note.to)
    if (!running) throw undeliverable('the chain does not run its task')
    if (sameHex(node, this.#context.receiptKey)) return this.accept(json)
    const url = this.#context.urlOf(node)
    if (url === undefined) throw undeliverable('nobody says where its node is')
    await fetchJson(`${url}/v1/federation/notes`, { json, timeoutMs: sendMs })
  }

  /** Takes a note in that a host brings. @throws {OperationError} `mail-refused`, `mail-full`. */
  async accept(json: Json): Promise<void> {
    const note = federationNoteField.parse(json, 'note')
    await this.#requireSibling(note)
    const box = this.#box(note)
    const fromSame = box.notes.filter(({ from }) => sameHex(from, note.from)).length
    if (fromSame >= notesPerSenderMax)
      throw new OperationError('mail-full', 'Cannot take a note: too many of its sender wait', {
        retryable: true,
      })
    box.notes.push(note)
  }

  /** Notes for a task of this node, at once or after a wait of at most so many milliseconds. */
  async take(task: Hex, attempt: number, waitMilliseconds: number): Promise<readonly Json[]> {
    const until = performance.now() + waitMilliseconds
    for (;;) {
      const box = this.#boxes.find(({ key }) => key === boxKey(task, attempt))
      const notes = box?.notes.splice(0, takenAtOnce) ?? []
      if (notes.length > 0 || performance.now() >= until)
        return notes.map((note) => federationNoteField.encode(note))
      await sleep(lookMilliseconds)
    }
  }

  /** The task that leads the federation of a plan: its order has the plan and nothing else. The newest that runs. */
  async coordinator(
    app: Hex,
    plan: Hex,
  ): Promise<{ readonly task: Hex; readonly attempt: number } | undefined> {
    for (const [task, { order }] of [...this.#context.tasks()].toReversed()) {
      const [first] = order.assets
      if (order.assets.length !== 1 || !sameHex(first ?? '', plan) || !sameHex(order.app, app))
        continue
      const { attempt, running } = await this.#context.taskOf(task)
      if (running) return { task, attempt }
    }
    return undefined
  }

  async #requireSibling(note: FederationNote): Promise<void> {
    const { deployment, receiptKey, tasks, taskOf } = this.#context
    const isOfPlan = (task: Hex): boolean =>
      tasks()
        .get(task)
        ?.order.assets.some((asset) => sameHex(asset, note.plan)) ?? false
    if (!sameHex(note.deployment, deployment) || !isOfPlan(note.from) || !isOfPlan(note.to))
      throw refused('sender and receiver are not tasks of its plan')
    const to = await taskOf(note.to)
    if (!to.running || to.attempt !== note.toAttempt || !sameHex(to.node, receiptKey))
      throw refused('the chain does not run the task that it is for on this node')
    const from = await taskOf(note.from)
    if (!from.running || from.attempt !== note.fromAttempt)
      throw refused('the chain does not run the task that it is from')
    if (!(await isSignedFederationNote(note, from.node)))
      throw refused('it is not signed by the node that runs its task')
  }

  // A new box takes the place of the oldest: attempts end, and nobody says so here.
  #box(note: FederationNote): Box {
    const key = boxKey(note.to, note.toAttempt)
    const known = this.#boxes.find((box) => box.key === key)
    if (known !== undefined) return known
    if (this.#boxes.length >= boxesMax) this.#boxes.shift()
    const box = { key, notes: [] }
    this.#boxes.push(box)
    return box
  }
}

function boxKey(task: Hex, attempt: number): string {
  return `${task.toLowerCase()} ${attempt}`
}

function refused(detail: string): OperationError {
  return new OperationError('mail-refused', `Cannot take a note: ${detail}`, { retryable: true })
}

function undeliverable(detail: string): OperationError {
  return new OperationError('mail-undeliverable', `Cannot carry a note: ${detail}`, {
    retryable: true,
  })
}
