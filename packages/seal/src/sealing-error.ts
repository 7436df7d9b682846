import { OperationError } from '@cloister/codec'

/**
 * Why something sealed did not open, or could not be sealed.
 *
 * `wrong-key`: the key commitment does not match, so key, context or header is another. `tampered`: a chunk's tag
 * does not match, so it was changed, moved or cut. `truncated`: bytes are missing at the end. `too-large`: beyond
 * the format's limit or ours. `out-of-range`: a range outside the object. `envelope-refused`: key, info, added data or
 * envelope do not belong together. `request-refused`: a sealed request is not from the session's requester.
 * `not-extractable`: the private key must not leave. `unsupported`: the runtime lacks an algorithm. `part-refused`: a
 * store gave other bytes than the part that was asked for. `closed`: its reader was closed.
 */
export type SealingErrorCode =
  | 'wrong-key'
  | 'tampered'
  | 'truncated'
  | 'too-large'
  | 'out-of-range'
  | 'envelope-refused'
  | 'request-refused'
  | 'not-extractable'
  | 'unsupported'
  | 'part-refused'
  | 'closed'

/** An error of this package: its code is from the closed list. */
export function sealingError(
  code: SealingErrorCode,
  message: string,
  options?: ErrorOptions & { readonly retryable?: boolean },
): OperationError {
  return new OperationError(code, message, options)
}
