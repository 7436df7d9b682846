import { OperationError } from '@cloister/codec'

import { Lane } from '../lane.ts'
import { collectError } from './collect-error.ts'

/**
 * One collection at a time in this process, the others wait. Kernels sign one report after another anyway, and a
 * read that waits for one holds a thread that the rest of the process needs.
 */
export class CollectLane {
  readonly #lane: Lane

  constructor(what: string) {
    this.#lane = new Lane(what, 1, 64)
  }

  /** Does `work` in its turn. @throws {OperationError} `evidence-busy`, where too much waits. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#lane.run(work)
    } catch (error) {
      if (error instanceof OperationError && error.code === 'busy')
        throw collectError(
          'evidence-busy',
          'too many requests wait in this process; ask again',
          error,
        )
      throw error
    }
  }
}

/**
 * Waits for `work`, but no longer than the caller and the limit allow; the signal that `work` gets says whether it
 * is still wanted. What the kernel has begun goes on: `work` cleans up after itself, whoever still waits for it.
 *
 * @throws {OperationError} `evidence-timeout`, `evidence-aborted`.
 */
export async function waitFor<T>(
  work: (unwanted: AbortSignal) => Promise<T>,
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal?.aborted === true) throw aborted(signal)
  const limit = AbortSignal.timeout(milliseconds)
  const unwanted = signal === undefined ? limit : AbortSignal.any([limit, signal])
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const stop = (): void => {
    reject(signal?.aborted === true ? aborted(signal) : timedOut(milliseconds))
  }
  unwanted.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work(unwanted), stopped])
  } finally {
    unwanted.removeEventListener('abort', stop)
  }
}

function timedOut(milliseconds: number): OperationError {
  return collectError(
    'evidence-timeout',
    `no answer in ${milliseconds} ms; look whether the platform's quoting service runs, then try again`,
  )
}

/** The error of a collection that the caller gave up. */
export function aborted(signal: AbortSignal | undefined): OperationError {
  return collectError('evidence-aborted', 'the caller gave up', signal?.reason)
}

/** Refuses report data of a length that the device does not take. @throws {OperationError} `evidence-refused`. */
export function requireLength(
  reportData: Uint8Array,
  bytes: { readonly min: number; readonly max: number },
): void {
  const { length } = reportData
  if (length >= bytes.min && length <= bytes.max) return
  const expected = bytes.min === bytes.max ? `${bytes.min}` : `${bytes.min} to ${bytes.max}`
  throw collectError(
    'evidence-refused',
    `got ${length} bytes of report data, expected ${expected}; hash what you want to bind`,
  )
}
