import { createHash } from 'node:crypto'
import { manifestCertificates } from '@cloister/attest'
import {
  encodeHex,
  MalformedError,
  parseBase64,
  parseJson,
  parseUtf8,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { certificateNames, ocspResponseEnd } from './der-times.ts'
import type { DocumentClient } from './document-client.ts'
import type { Fetched } from './intel.ts'
import { encodeOcspRequest } from './ocsp-request.ts'

/** Where NVIDIA's documents are fetched: its service for reference manifests, and its OCSP responder. */
export type NvidiaService = { readonly rimUrl: string; readonly ocspUrl: string }

/** NVIDIA's own services. */
export const nvidiaService: NvidiaService = {
  rimUrl: 'https://rim.attestation.nvidia.com',
  ocspUrl: 'https://ocsp.ndis.nvidia.com',
}

const lane = { name: 'nvidia', intervalMs: 100 }
const manifestBytesMax = 2 ** 20
const responseBytesMax = 64 * 1024

/**
 * Fetches the reference manifest of one driver or VBIOS. Nothing is verified, but that the service's digest is that of
 * what it sent.
 *
 * Spec: NVIDIA RIM service, GET /v1/rim/{id}.
 *
 * @throws {OperationError} as {@link DocumentClient}; {MalformedError} where the id is not in its format.
 */
export async function fetchRim(
  client: DocumentClient,
  service: NvidiaService,
  id: string,
  now: UnixSeconds,
): Promise<Fetched<string>> {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$/.test(id))
    throw new MalformedError('manifest id', 0, 'expected letters, digits, dots and underscores')
  const document = await client.get(
    {
      what: `manifest ${id}`,
      url: `${service.rimUrl.replace(/\/+$/, '')}/v1/rim/${id}`,
      bytesMax: 2 * manifestBytesMax,
      lane,
      until: (body) => firstEnd(manifestCertificates(readRim(body))),
    },
    now,
  )
  return { value: readRim(document.body), documents: [document] }
}

/**
 * Asks whether a certificate is revoked. The answer is given as hexadecimal, and nothing about it is verified.
 *
 * Spec: RFC 6960, appendix A.1 (POST).
 *
 * @throws {OperationError} as {@link DocumentClient}; {MalformedError} where a certificate is none.
 */
export async function fetchOcspResponse(
  client: DocumentClient,
  service: NvidiaService,
  certificate: Bytes,
  issuer: Bytes,
  now: UnixSeconds,
): Promise<Fetched<string>> {
  const request = encodeOcspRequest(certificate, issuer)
  const document = await client.get(
    {
      what: 'OCSP response',
      url: service.ocspUrl,
      body: { bytes: request, type: 'application/ocsp-request' },
      bytesMax: responseBytesMax,
      lane,
      until: ocspResponseEnd,
    },
    now,
  )
  return { value: encodeHex(document.body), documents: [document] }
}

const limits = { charactersMax: 2 * manifestBytesMax, depthMax: 4 }

function readRim(body: Bytes): string {
  const answer = parseJson(parseUtf8(body, 'manifest'), 'manifest', limits)
  const members = new Map(
    typeof answer === 'object' && answer !== null ? Object.entries(answer) : [],
  )
  const [rim, digest] = [members.get('rim'), members.get('sha256')]
  if (typeof rim !== 'string' || typeof digest !== 'string')
    throw new MalformedError('manifest', 0, 'expected rim and sha256')
  const bytes = parseBase64(rim, 'manifest rim')
  if (bytes.length > manifestBytesMax)
    throw new MalformedError('manifest rim', 0, `more than ${manifestBytesMax} bytes`)
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== digest.toLowerCase())
    throw new MalformedError('manifest sha256', 0, `got ${digest.slice(0, 64)}, expected ${found}`)
  return parseUtf8(bytes, 'manifest rim')
}

function firstEnd(certificates: readonly Bytes[]): UnixSeconds {
  const [first, ...rest] = certificates.map((each) => certificateNames(each).notAfter)
  if (first === undefined) throw new MalformedError('manifest', 0, 'no certificate')
  return rest.reduce((least, end) => (end < least ? end : least), first)
}
