import { encodeHex, OperationError, parseHex } from '@cloister/codec'
import { createServer, type Server } from 'node:http'
import { emulatorFmspc, type CollateralOptions } from './collateral.ts'
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
 * Spec: Intel PCS API v4; the root CRL in hexadecimal as PCCS has it.
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

type Answer = {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string | Uint8Array
}

function answerRequest(
  manufacturer: Manufacturer,
  options: CollateralOptions,
  path: string,
): Answer {
  const url = URL.parse(path, 'http://pccs')
  if (url === null) return refusal(400, 'the request has no path')
  switch (url.pathname) {
    case '/sgx/certification/v4/pckcrl': {
      const ca = url.searchParams.get('ca')
      if (ca !== 'platform' && ca !== 'processor')
        return refusal(400, 'ca is platform or processor')
      const { pckCrl, pckCrlIssuerChain } = manufacturer.collateral({ ...options, ca })
      const headers = {
        ...binary,
        'SGX-PCK-CRL-Issuer-Chain': encodeURIComponent(pckCrlIssuerChain),
      }
      if (url.searchParams.get('encoding') !== 'der') return refusal(400, 'encoding is der')
      return { status: 200, headers, body: parseHex(pckCrl) }
    }
    case '/sgx/certification/v4/rootcacrl':
      return { status: 200, headers: text, body: manufacturer.collateral(options).rootCaCrl }
    case '/tdx/certification/v4/tcb': {
      const fmspc = url.searchParams.get('fmspc')?.toLowerCase()
      if (fmspc !== encodeHex(emulatorFmspc)) return refusal(404, `no TCB info of FMSPC ${fmspc}`)
      const { tcbInfo, tcbInfoSignature, tcbInfoIssuerChain } = manufacturer.collateral(options)
      const headers = {
        ...json,
        'TCB-Info-Issuer-Chain': encodeURIComponent(tcbInfoIssuerChain),
      }
      // The signed text goes out as it is: writing it anew could break its signature.
      return {
        status: 200,
        headers,
        body: `{"tcbInfo":${tcbInfo},"signature":"${tcbInfoSignature}"}`,
      }
    }
    case '/tdx/certification/v4/qe/identity': {
      const { qeIdentity, qeIdentitySignature, qeIdentityIssuerChain } =
        manufacturer.collateral(options)
      const chain = encodeURIComponent(qeIdentityIssuerChain)
      const headers = { ...json, 'SGX-Enclave-Identity-Issuer-Chain': chain }
      const body = `{"enclaveIdentity":${qeIdentity},"signature":"${qeIdentitySignature}"}`
      return { status: 200, headers, body }
    }
    default:
      return refusal(404, `nothing is served at ${url.pathname}`)
  }
}

const binary = { 'content-type': 'application/pkix-crl' }
const json = { 'content-type': 'application/json' }
const text = { 'content-type': 'text/plain' }

function refusal(status: number, error: string): Answer {
  return { status, headers: json, body: JSON.stringify({ error }) }
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
