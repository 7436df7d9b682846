import { OperationError } from '@cloister/codec'

/** The command line itself is wrong. */
export function usageError(message: string, cause?: unknown): OperationError {
  return new OperationError('usage', message, cause === undefined ? undefined : { cause })
}
