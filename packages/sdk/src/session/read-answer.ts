import { OperationError } from '@cloister/codec'
import type { AnswerFrame, AnswerOpener } from '@cloister/seal'

import { sayError, sdkError } from '../sdk-error.ts'

/**
 * The frames of a sealed answer as a response delivers them.
 *
 * @throws {OperationError} `tampered`; `peer-unreachable` where the response breaks off, which a network does without anybody's ill will.
 */
export async function* readSealedAnswer(
  response: Response,
  opener: AnswerOpener,
): AsyncGenerator<AnswerFrame> {
  const reader = response.body?.getReader()
  try {
    for (;;) {
      const part = await reader?.read().catch(breakOff)
      if (part?.value === undefined) break
      yield* await opener.push(part.value)
    }
    opener.finish()
  } catch (error) {
    const isCut = error instanceof OperationError && error.code === 'truncated'
    throw isCut ? breakOff(error) : error
  } finally {
    await reader?.cancel().catch(() => undefined)
  }
}

function breakOff(cause: unknown): never {
  if (cause instanceof Error && cause.name === 'AbortError') throw cause
  throw sdkError(
    'peer-unreachable',
    `The answer broke off before its end: ${sayError(cause)}; what was done may be charged, ask again`,
    { cause, retryable: true },
  )
}
