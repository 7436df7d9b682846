import { encodeUtf8, type Bytes } from '@cloister/codec'

/** A request that is not served, in the form of OpenAI's errors. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly code: string
  /** The field at fault. */
  readonly param: string | undefined

  constructor(status: number, code: string, message: string, param?: string) {
    super(message)
    this.status = status
    this.code = code
    this.param = param
  }

  /** The body that clients of OpenAI's interface read. */
  body(): Bytes {
    const type = this.status >= 500 ? 'server_error' : 'invalid_request_error'
    const { message, code, param } = this
    return encodeUtf8(JSON.stringify({ error: { message, type, param: param ?? null, code } }))
  }
}

/** A field with a value that is not served. */
export function badField(param: string, detail: string): ApiError {
  return new ApiError(400, 'invalid_value', `Cannot use '${param}': ${detail}`, param)
}
