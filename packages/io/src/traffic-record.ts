import { appendFileSync } from 'node:fs'

type Fetch<Rest extends unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>

/**
 * Serves like `serve`, and appends the raw bytes of every body, in both directions, to a file. Bodies are kept in memory until they are
 * written: for tests and demonstrations alone.
 */
export function recordedFetch<Rest extends unknown[]>(
  serve: Fetch<Rest>,
  path: string,
): Fetch<Rest> {
  const record = async (body: Request | Response): Promise<void> => {
    appendFileSync(path, new Uint8Array(await body.arrayBuffer()), { mode: 0o600 })
  }
  return async (request, ...rest) => {
    const asked = request.body === null ? undefined : record(request.clone())
    const response = await serve(request, ...rest)
    if (response.body === null) return response
    await Promise.all([asked, record(response.clone())])
    return response
  }
}
