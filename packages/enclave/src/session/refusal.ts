import { encodeUtf8, type Bytes } from '@cloister/codec'

/** Why a session does not hand a request to its app. Said under the request's own seal. */
export type SealedRefusal = 'money' | 'ended' | 'busy' | 'too-large' | 'app-ended'

const refusals: Readonly<
  Record<
    SealedRefusal,
    { readonly status: number; readonly code: string; readonly message: string }
  >
> = {
  money: {
    status: 402,
    code: 'insufficient_quota',
    message: 'The order’s money is used up; open another session',
  },
  ended: {
    status: 503,
    code: 'session_ended',
    message: 'The session has ended; open another one',
  },
  busy: {
    status: 429,
    code: 'too_many_requests',
    message: 'Too many requests wait in this session; ask again when one has been answered',
  },
  'too-large': {
    status: 413,
    code: 'request_too_large',
    message: 'The request is larger than the app’s manifest allows',
  },
  'app-ended': {
    status: 502,
    code: 'app_ended',
    message:
      'The app ended while it worked on this; the session ends, and what was used is settled',
  },
}

/** A refusal as an answer, in the form of OpenAI's errors, which its clients read. */
export function refusalBody(refusal: SealedRefusal): {
  readonly status: number
  readonly body: Bytes
} {
  const { status, code, message } = refusals[refusal]
  const type = status >= 500 ? 'server_error' : 'invalid_request_error'
  const body = encodeUtf8(JSON.stringify({ error: { message, type, param: null, code } }))
  return { status, body }
}
