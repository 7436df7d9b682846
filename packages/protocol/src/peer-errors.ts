import { MalformedError, OperationError, type Json } from '@cloister/codec'

import {
  booleanField,
  jsonField,
  objectField,
  orNull,
  textField,
  type Field,
  type FieldValue,
} from './fields.ts'

/**
 * A failure that crosses the wire between host and enclave, with data that belongs to it (signed
 * refusals, for example). A handler throws one; the asking side gets one with the same fields.
 */
export class AnswerError extends OperationError {
  /** What belongs to the failure. Signed or not: the receiver checks it. */
  readonly data: Json | undefined

  constructor(
    code: string,
    message: string,
    options?: ErrorOptions & { readonly retryable?: boolean; readonly data?: Json | undefined },
  ) {
    super(code, message, options)
    this.data = options?.data
  }
}

const errorBody = objectField({
  code: textField(64, 1),
  message: textField(4096),
  retryable: booleanField,
  data: orNull(jsonField),
})

/** An error as it stands in an answer. */
export type WireError = FieldValue<typeof errorBody>

/** How an error stands in an answer. Spec: docs/protocol.md section 10. */
export const wireErrorField: Field<WireError> = errorBody

/**
 * What the other side may know of a failure: code and message of our own errors; of anything else
 * only that it happened, since its text may hold what must not leave.
 */
export function wireError(error: unknown): WireError {
  if (error instanceof AnswerError)
    return { ...common(error.code, error.message, error.retryable), data: error.data }
  if (error instanceof OperationError) return common(error.code, error.message, error.retryable)
  if (error instanceof MalformedError) return common(error.code, error.message, false)
  return common('internal', 'Failed for a reason that is not sent over the wire', false)
}

function common(code: string, message: string, retryable: boolean): WireError {
  return { code: code.slice(0, 64), message: message.slice(0, 1000), retryable, data: undefined }
}
