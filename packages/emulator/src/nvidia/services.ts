import {
  DerReader,
  encodeBase64,
  encodeHex,
  encodeUtf8,
  MalformedError,
  OperationError,
  type Bytes,
} from '@cloister/codec'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { sha256 } from '../signing-key.ts'
import type { CertifiedChain } from './authority.ts'
import type { NvidiaDevice } from './device.ts'
import type { NvidiaManufacturer, RimRequest } from './manufacturer.ts'
import { ocspFailure } from './ocsp.ts'

/** NVIDIA's services, emulated. */
export type NvidiaServices = {
  /** Base address, in the place of `https://rim.attestation.nvidia.com` and of `https://ocsp.ndis.nvidia.com`. */
  readonly url: string
  close(): Promise<void>
}

/** How services behave. */
export type NvidiaServiceOptions = {
  /** Devices whose certificates are known to the responder. */
  readonly devices: readonly NvidiaDevice[]
  /** Manifests by id, besides those of standard firmware. */
  readonly rims?: Readonly<Record<string, RimRequest>>
  readonly port?: number
}

/** Most bytes of an OCSP request. */
const requestBytesMax = 4096

/**
 * Serves manifests at `/v1/rim/ID` and OCSP (POST, or GET with the request in base64 in the path) on loopback.
 *
 * Spec: NVIDIA's RIM service API; RFC 6960 appendix A.
 *
 * @throws {OperationError} `nvidia-services` where the port can't be opened.
 */
export async function serveNvidia(
  manufacturer: NvidiaManufacturer,
  options: NvidiaServiceOptions,
): Promise<NvidiaServices> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000 },
    async (request, response) => {
      const answer = await answerRequest(manufacturer, options, request)
      response.writeHead(answer.status, { 'content-type': answer.type })
      response.end(answer.body)
    },
  )
  server.maxConnections = 64
  const port = await listen(server, options.port ?? 0)
  return { url: `http://127.0.0.1:${port}`, close: () => close(server) }
}

type Answer = { readonly status: number; readonly type: string; readonly body: string | Uint8Array }

async function answerRequest(
  manufacturer: NvidiaManufacturer,
  options: NvidiaServiceOptions,
  request: IncomingMessage,
): Promise<Answer> {
  const path = URL.parse(request.url ?? '/', 'http://nvidia')?.pathname ?? '/'
  if (request.method === 'POST') {
    if (request.headers['content-type'] !== 'application/ocsp-request')
      return refusal(415, 'expected application/ocsp-request')
    return answerOcsp(manufacturer, options, await readBody(request))
  }
  if (request.method !== 'GET') return refusal(405, 'only GET and POST are answered')
  const id = /^\/v1\/rim\/([\w.-]{1,128})$/.exec(path)?.[1]
  if (id !== undefined) return answerRim(manufacturer, options, id)
  if (!/^\/(?:[A-Za-z0-9+/=]|%2B|%2F|%3D){16,6000}$/i.test(path))
    return refusal(404, 'nothing is served here')
  const encoded = decodeURIComponent(path.slice(1))
  return answerOcsp(manufacturer, options, new Uint8Array(Buffer.from(encoded, 'base64')))
}

function answerRim(
  manufacturer: NvidiaManufacturer,
  options: NvidiaServiceOptions,
  id: string,
): Answer {
  const request = options.rims?.[id] ?? standardRim(id)
  if (request === undefined) return refusal(404, `no manifest of id ${id}`)
  const rim = encodeUtf8(manufacturer.rim(request))
  const body = {
    id,
    rim: encodeBase64(rim),
    sha256: encodeHex(sha256(rim)),
    last_updated: '2025-01-01T00:00:00Z',
    rim_format: 'TCG_RIM',
    request_id: '00000000-0000-0000-0000-000000000000',
  }
  return { status: 200, type: 'application/json', body: JSON.stringify(body) }
}

/** What an id asks for. The board in the id of a VBIOS is the one that every emulated GPU has. */
function standardRim(id: string): RimRequest | undefined {
  const driver = /^NV_GPU_DRIVER_(GH100|GB100)_([0-9.]+)$/.exec(id)
  if (driver !== null)
    return {
      chip: driver[1] === 'GB100' ? 'GB100' : 'GH100',
      kind: 'driver',
      version: driver[2] ?? '',
    }
  const vbios = /^NV_(?:GPU_VBIOS_1010_0200_882|SWITCH_BIOS_5612_0002_890)_([0-9A-F]{10})$/.exec(id)
  if (vbios === null) return undefined
  const version = (vbios[1] ?? '').match(/../g)?.join('.') ?? ''
  const isSwitch = id.startsWith('NV_SWITCH')
  const chip = isSwitch ? 'LS10' : version.startsWith('97') ? 'GB100' : 'GH100'
  return { chip, kind: 'vbios', version }
}

function answerOcsp(
  manufacturer: NvidiaManufacturer,
  { devices }: NvidiaServiceOptions,
  request: Bytes,
): Answer {
  const serial = readOcspRequest(request)
  const chains = [...devices.map(({ identityChain }) => identityChain), manufacturer.rimChain()]
  const found = serial === undefined ? undefined : findCertificate(chains, serial)
  // RFC 6960 section 2.3: malformedRequest, or unauthorized for a certificate that is not this responder's.
  const body =
    found === undefined
      ? ocspFailure(serial === undefined ? 1 : 6)
      : manufacturer.ocspResponse(found)
  return { status: 200, type: 'application/ocsp-response', body }
}

function findCertificate(
  chains: readonly CertifiedChain[],
  serial: string,
): { readonly chain: CertifiedChain; readonly index: number } | undefined {
  for (const chain of chains) {
    const index = chain.slice(0, -1).findIndex((each) => encodeHex(each.serial) === serial)
    if (index >= 0) return { chain, index }
  }
  return undefined
}

/** The serial number that a request for one certificate asks about. Spec: RFC 6960 section 4.1.1. */
function readOcspRequest(der: Bytes): string | undefined {
  try {
    const tbs = new DerReader(der).inside('OCSP request').inside('OCSP request')
    if (tbs.peek() === 0xa0) tbs.any('version')
    if (tbs.peek() === 0xa1) tbs.any('requestor')
    const id = tbs.inside('requests').inside('request').inside('certID')
    id.any('hash')
    id.octets('issuer name')
    id.octets('issuer key')
    return encodeHex(id.integer('serial number'))
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}

async function readBody(request: IncomingMessage): Promise<Bytes> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request) {
    const bytes = Buffer.from(part)
    size += bytes.length
    if (size > requestBytesMax) return new Uint8Array(0)
    parts.push(bytes)
  }
  return new Uint8Array(Buffer.concat(parts))
}

function refusal(status: number, error: string): Answer {
  return { status, type: 'application/json', body: JSON.stringify({ error }) }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new OperationError(
          'nvidia-services',
          `Cannot serve NVIDIA's services on 127.0.0.1:${port}`,
          {
            cause,
          },
        ),
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
