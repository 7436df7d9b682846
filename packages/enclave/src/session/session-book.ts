import { OperationError, type Json } from '@cloister/codec'
import {
  bytes32Field,
  integerField,
  objectField,
  type Handler,
  type SessionStatus,
  sessionStatusField,
} from '@cloister/protocol'
import type { Hex } from 'viem'

import type { Session, SessionEnd } from './session.ts'

/** Calls back after so many milliseconds, unless the returned function is called first. */
type After = (milliseconds: number, callback: () => void) => () => void

type Entry = { readonly session: Session; readonly status: Omit<SessionStatus, 'state'> }

const attemptField = integerField(1, 0xffff_ffff)
const sessionParams = objectField({ task: bytes32Field, attempt: attemptField })
const answerParams = objectField({
  task: bytes32Field,
  attempt: attemptField,
  answer: integerField(1, Number.MAX_SAFE_INTEGER),
})

const readMilliseconds = 10_000
const keptMilliseconds = 120_000

/** The sessions that run in this enclave. One that ended stays a while, so that its last answers can be fetched. */
export class SessionBook {
  readonly #after: After
  readonly #entries = new Map<string, Entry>()
  /** How sessions ended whose receipt is not signed yet. */
  readonly #ends = new Map<string, SessionEnd>()

  constructor(after: After) {
    this.#after = after
  }

  /** Shows a session to the host until some time after its end. */
  open(entry: Entry): void {
    const { task, attempt } = entry.status.evidence.binding
    const key = keyOf(task, attempt)
    this.#entries.set(key, entry)
    void entry.session.ended.then((end) => {
      this.#ends.set(key, end)
      this.#after(keptMilliseconds, () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key)
      })
    })
  }

  /** How a session ended, where it did and its receipt is not signed yet: it is not run a second time. */
  endOf(task: Hex, attempt: number): SessionEnd | undefined {
    return this.#ends.get(keyOf(task, attempt))
  }

  /** Says that a session's receipt is signed. */
  forget(task: Hex, attempt: number): void {
    this.#ends.delete(keyOf(task, attempt))
  }

  /** What this enclave answers its host about sessions. Spec: docs/inference.md. */
  methods(): Readonly<Record<string, Handler>> {
    return {
      'session.info': async (params) => ({ result: this.#info(params) }),
      'session.request': async (params, bytes) => {
        const { session } = this.#find(sessionParams.parse(params, ''))
        return { result: { answer: await session.request(bytes.slice()) } }
      },
      'session.read': async (params) => {
        const { answer, ...asked } = answerParams.parse(params, '')
        const { session } = this.#find(asked)
        const { promise: expired, resolve } = Promise.withResolvers<void>()
        const cancel = this.#after(readMilliseconds, resolve)
        try {
          const { bytes, done } = await session.read(answer, expired)
          return { result: { done }, bytes }
        } finally {
          cancel()
        }
      },
      'session.cancel': async (params) => {
        const { answer, ...asked } = answerParams.parse(params, '')
        this.#find(asked).session.cancel(answer)
        return { result: {} }
      },
    }
  }

  #info(params: Json): Json {
    const { session, status } = this.#find(sessionParams.parse(params, ''))
    return sessionStatusField.encode({ ...status, state: session.isOpen ? 'open' : 'ended' })
  }

  #find({ task, attempt }: { readonly task: Hex; readonly attempt: number }): Entry {
    const entry = this.#entries.get(keyOf(task, attempt))
    if (entry !== undefined) return entry
    throw new OperationError(
      'session-absent',
      `Cannot find a session of attempt ${attempt} of task ${task}: it has not begun, is over, or runs elsewhere`,
      { retryable: true },
    )
  }
}

function keyOf(task: Hex, attempt: number): string {
  return `${task.toLowerCase()} ${attempt}`
}
