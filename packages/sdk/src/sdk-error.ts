import { MalformedError, OperationError } from '@cloister/codec'

/** Every code that this package's own errors have. What each means and what to do next: docs/sdk.md. */
export const sdkErrorCodes = [
  'asset-incomplete',
  'chain-down',
  'deployment-refused',
  'expired',
  'grant-refused',
  'insufficient-funds',
  'keeper-refused',
  'keepers-too-few',
  'no-account',
  'no-eligible-node',
  'not-approved',
  'nothing-to-claim',
  'order-refused',
  'output-withheld',
  'payout-unproven',
  'peer-malformed',
  'peer-refused',
  'peer-unreachable',
  'provenance-refused',
  'receipt-incomplete',
  'replicas-differ',
  'reverted',
  'review-refused',
  'session-broken',
  'session-ended',
  'session-refused',
  'session-unready',
  'store-refused',
  'task-refunded',
  'task-unknown',
  'task-unfinished',
  'wrong-chain',
  'wrong-key',
  'wrong-owner',
] as const

/** One of {@link sdkErrorCodes}. */
export type SdkErrorCode = (typeof sdkErrorCodes)[number]

/** An error of this package. `message` names the action, the object and the next step. */
export function sdkError(
  code: SdkErrorCode,
  message: string,
  options?: ErrorOptions & { readonly retryable?: boolean },
): OperationError {
  return new OperationError(code, message, options)
}

/** What to say of an error that is somebody else's, in one line. */
export function sayError(error: unknown): string {
  if (error instanceof OperationError || error instanceof MalformedError) return error.message
  return error instanceof Error ? (error.message.split('\n')[0] ?? error.name) : 'unknown failure'
}
