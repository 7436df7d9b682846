import { OperationError } from '@cloister/codec'
import { sessionStatusField, type SessionStatus } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { Client } from '../client.ts'
import { readNode } from '../nodes.ts'
import { askPeer, peerUrl } from '../peer.ts'
import { sayError, sdkError } from '../sdk-error.ts'
import { readTask, taskEvents } from '../task.ts'

/** Where the chain says that a task runs. */
export type SessionPlace = {
  readonly task: Hex
  readonly attempt: number
  readonly node: Address
  readonly operator: Address
  readonly url: string
}

/** How {@link findSession} waits. */
export type FindSessionOptions = {
  /** Give up after this long; two minutes, where nothing is said. */
  readonly timeoutMs?: number
  readonly pollMs?: number
  readonly signal?: AbortSignal
}

const waitMs = 120_000

/**
 * The node on which a task runs now, by the chain alone: its draw, and the URL in its registry.
 *
 * @throws {OperationError} `task-unknown`, `session-unready` where nothing is drawn yet, `session-ended`, `chain-down`.
 */
export async function placeOfSession(client: Client, task: Hex): Promise<SessionPlace> {
  const { state } = await readTask(client, task)
  if (state === 'placed')
    throw sdkError(
      'session-unready',
      `Cannot open a session of task ${task} yet: no node was drawn; wait some blocks`,
      { retryable: true },
    )
  if (state !== 'running')
    throw sdkError(
      'session-ended',
      `Cannot open a session of task ${task}: it is ${state}; place another order`,
    )
  const events = await taskEvents(client, task)
  const drawn = events.findLast((event) => event.kind === 'drawn')
  if (drawn?.kind !== 'drawn')
    throw sdkError(
      'session-unready',
      `Cannot find who runs task ${task}: the chain shows no draw; use an endpoint that has all events`,
      { retryable: true },
    )
  const { attempt, node, operator } = drawn
  const { url } = await readNode(client, node)
  return { task, attempt, node, operator, url }
}

/**
 * Waits until the node of a task shows its session, and gives what it shows. Nothing of that is believed yet.
 *
 * @throws {OperationError} as {@link placeOfSession}; `session-unready` past the time, saying what the node answered last.
 */
export async function findSession(
  client: Client,
  task: Hex,
  options: FindSessionOptions = {},
): Promise<{ readonly place: SessionPlace; readonly status: SessionStatus }> {
  const deadline = performance.now() + (options.timeoutMs ?? waitMs)
  for (;;) {
    try {
      const place = await placeOfSession(client, task)
      const route = peerUrl(place.url, `/v1/sessions/${place.task}/${place.attempt}`)
      return { place, status: await askPeer(client.fetch, route, sessionStatusField) }
    } catch (error) {
      if (!mayCome(error)) throw error
      if (performance.now() > deadline || options.signal?.aborted === true)
        throw sdkError(
          'session-unready',
          `Cannot wait longer for the session of task ${task}: ${sayError(error)}; try again later`,
          { retryable: true, cause: error },
        )
    }
    await new Promise((resolve) => setTimeout(resolve, options.pollMs ?? 500))
  }
}

// A node that does not know the session says so with a 404, and may know it a second later.
function mayCome(error: unknown): boolean {
  if (!(error instanceof OperationError)) return false
  return error.retryable || error.code === 'peer-refused' || error.code === 'peer-unreachable'
}
