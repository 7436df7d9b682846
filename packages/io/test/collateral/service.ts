import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'

/** A service that answers as a test wants, and remembers what it was asked. */
export type Service = { readonly url: string; readonly asked: string[] }

/** Starts a service on loopback; it ends with the test. */
export async function startService(
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void,
): Promise<Service> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    answer(request, response, asked.length)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The service has no port')
  return { url: `http://127.0.0.1:${address.port}`, asked }
}

/** A clock whose time passes only by waiting, and which remembers each wait. Milliseconds. */
export function manualClock() {
  const waits: number[] = []
  let now = 0
  return {
    waits,
    nowMs: () => now,
    sleep: (ms: number): Promise<void> => {
      waits.push(ms)
      now += ms
      return Promise.resolve()
    },
  }
}
