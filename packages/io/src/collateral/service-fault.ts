import { systemErrorCode } from '../system-error.ts'

/** Fetch wraps what happened in errors of its own, two or three deep. */
const causesMax = 4

/**
 * What a vendor's service did wrong, in words that do not name its address again: `error` is of the HTTP client, whose
 * own words are meant for a peer that somebody runs.
 */
export function sayServiceFault(error: Error & { readonly code?: string }, url: string): string {
  if (error.code === 'peer-unreachable')
    return `cannot reach it: ${whyUnreachable(error)}; check the network or proxy, or name another service`
  const lead = [`Cannot ask ${url}: `, `Cannot read the answer of ${url}: `].find((words) =>
    error.message.startsWith(words),
  )
  return error.message.slice(lead?.length ?? 0)
}

/** The system's own name for it (`ECONNREFUSED`, `ENOTFOUND`) where there is one. */
function whyUnreachable(error: Error): string {
  let cause: unknown = error.cause
  for (let depth = 0; depth < causesMax && cause instanceof Error; depth++) {
    if (cause.name === 'TimeoutError') return 'no complete answer in time'
    const code = systemErrorCode(cause)
    if (code !== undefined) return meanings[code] ?? code
    cause = cause.cause
  }
  return 'the connection fails'
}

const meanings: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ENOTFOUND: 'its name is not known (ENOTFOUND)',
  EAI_AGAIN: 'its name cannot be looked up now (EAI_AGAIN)',
  ECONNRESET: 'the connection was cut (ECONNRESET)',
}
