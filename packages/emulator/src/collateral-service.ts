import { OperationError } from '@cloister/codec'
import { createServer, type Server } from 'node:http'
import { answerRequest } from './collateral-answers.ts'
import type { CollateralOptions } from './collateral.ts'
import type { Manufacturer } from './manufacturer.ts'

/** A collateral service that runs. */
export type CollateralService = {
  /** Base address, as tools for Intel's PCCS take it. */
  readonly url: string
  close(): Promise<void>
}

/**
 * Serves the manufacturer's collateral on loopback, at the paths and with the headers of Intel's PCCS.
 * `options` is asked for each request, so that time, numbers and revocations can move.
 *
 * Spec: Intel PCS API v4, and what its caching service PCCS adds.
 *
 * @throws {OperationError} `collateral-service` where the port can't be opened.
 */
export async function serveCollateral(
  manufacturer: Manufacturer,
  options: () => CollateralOptions = () => ({}),
  port = 0,
): Promise<CollateralService> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000 },
    (request, response) => {
      const answer = answerRequest(manufacturer, options(), request.url ?? '/')
      response.writeHead(answer.status, answer.headers)
      response.end(answer.body)
    },
  )
  server.maxConnections = 64
  const opened = await listen(server, port)
  return { url: `http://127.0.0.1:${opened}`, close: () => close(server) }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new OperationError('collateral-service', `Cannot serve collateral on 127.0.0.1:${port}`, {
          cause,
        }),
      )
    })
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      resolve(address !== null && typeof address === 'object' ? address.port : port)
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
