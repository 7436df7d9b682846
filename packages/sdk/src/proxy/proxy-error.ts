/** An error in the form that clients of OpenAI's interface read. One that comes again is not worth their retries, so they are told not to. */
export function proxyError(status: number, code: string, message: string): Response {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error'
  return new Response(JSON.stringify({ error: { message, type, param: null, code } }), {
    status,
    headers: { 'content-type': 'application/json', 'x-should-retry': 'false' },
  })
}
