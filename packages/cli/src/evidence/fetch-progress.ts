import { OperationError } from '@cloister/codec'
import type { Log } from '@cloister/io'

import type { Run } from '../command.ts'

/** Nothing is said of a fetch that is done sooner; then as often as this. */
const silenceMs = 3_000

/**
 * Says on standard error what a fetch waits for, for as long as `work` takes. The log that `work` gets is for the client
 * of the services: its last line is what is under way.
 */
export async function withProgress<T>(run: Run, work: (log: Log) => Promise<T>): Promise<T> {
  const begun = performance.now()
  let underWay = 'the first answer'
  const note: Log['info'] = (_, { url, attempt, attemptsMax } = {}) => {
    if (typeof url !== 'string') return
    const counted = typeof attempt === 'number' && typeof attemptsMax === 'number'
    underWay = counted ? `${url}, attempt ${attempt} of ${attemptsMax}` : url
  }
  const log: Log = { debug: note, info: note, warn: note, error: note, with: () => log }
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - begun) / 1000)
    run.say(`waiting for ${underWay} (${seconds} s)`)
  }, silenceMs)
  try {
    return await work(log)
  } catch (error) {
    throw withOptions(error)
  } finally {
    clearInterval(timer)
  }
}

/** Names the options where another service can be named. */
function withOptions(error: unknown): unknown {
  const isUnreachable =
    error instanceof OperationError &&
    error.cause instanceof OperationError &&
    error.cause.code === 'peer-unreachable'
  if (!isUnreachable) return error
  const { code, message, retryable } = error
  const options = 'with --pccs, --kds, --rim-service or --ocsp'
  return new OperationError(code, `${message} ${options}`, { cause: error, retryable })
}
