import type { AmdKeyName } from '@cloister/attest'
import {
  encodeBase64,
  encodeHex,
  encodePem,
  MalformedError,
  parseBase64,
  parsePemBlocks,
  parseUtf8,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { certificateNames, revocationListEnd } from './der-times.ts'
import type { DocumentClient } from './document-client.ts'
import type { Fetched } from './intel.ts'

/** Where AMD's documents are fetched: a service with the paths of the KDS. */
export type AmdService = { readonly url: string }

/** AMD's own service. */
export const amdService: AmdService = { url: 'https://kdsintf.amd.com' }

/** Product lines as the KDS names them. */
export type AmdProductLine = Extract<AmdKeyName, { key: 'VCEK' }>['productLine']

// The KDS lets an address have about one VCEK each ten seconds, and is not as strict about the rest.
const vcekLane = { name: 'vcek', intervalMs: 10_000 }
const lane = { name: 'amd', intervalMs: 1_000 }
const certificateBytesMax = 16 * 1024
const chainBytesMax = 64 * 1024
const listBytesMax = 1024 * 1024

/**
 * Fetches the certificate of one chip at one TCB, as PEM. It never changes. Nothing is verified.
 *
 * The address is made of the product line's name, of `hwid` in hexadecimal, and of numbers below 256.
 * Spec: AMD VCEK certificate and KDS interface specification 57230, section 4.1.
 *
 * @throws {OperationError} as {@link DocumentClient}; {MalformedError} where a name is not in its format.
 */
export async function fetchVcek(
  client: DocumentClient,
  service: AmdService,
  { productLine, hwid, tcb }: Extract<AmdKeyName, { key: 'VCEK' }>,
  now: UnixSeconds,
): Promise<Fetched<string>> {
  const bytes = productLine === 'Turin' ? 8 : 64
  if (!/^[0-9a-f]+$/.test(hwid) || hwid.length !== 2 * bytes)
    throw new MalformedError('hwid', 0, `expected ${bytes} bytes in hexadecimal`)
  const parts = [
    ...(productLine === 'Turin' ? [['fmcSPL', tcb.fmc ?? 0] as const] : []),
    ['blSPL', tcb.bootLoader],
    ['teeSPL', tcb.tee],
    ['snpSPL', tcb.snp],
    ['ucodeSPL', tcb.microcode],
  ] as const
  const query = parts.map(([name, value]) => `${name}=${svn(name, value)}`).join('&')
  const document = await client.get(
    {
      what: 'VCEK',
      url: `${base(service)}/vcek/v1/${productLine}/${hwid}?${query}`,
      bytesMax: certificateBytesMax,
      lane: vcekLane,
      immutable: true,
      until: (body) => certificateNames(body).notAfter,
    },
    now,
  )
  return { value: encodePem(encodeBase64(document.body), 'CERTIFICATE'), documents: [document] }
}

/** Fetches the authority and the root above a product line's keys, as PEM. Nothing is verified. Throws as {@link fetchVcek}. */
export async function fetchAmdAuthorities(
  client: DocumentClient,
  service: AmdService,
  key: 'VCEK' | 'VLEK',
  line: AmdProductLine,
  now: UnixSeconds,
): Promise<Fetched<string>> {
  const document = await client.get(
    {
      what: `certificates above the ${key}`,
      url: `${base(service)}/${key.toLowerCase()}/v1/${line}/cert_chain`,
      bytesMax: chainBytesMax,
      lane,
      until: firstEnd,
    },
    now,
  )
  return { value: parseUtf8(document.body, 'cert_chain'), documents: [document] }
}

/** Fetches a product line's revocation list, as hexadecimal. Nothing is verified. Throws as {@link fetchVcek}. */
export async function fetchAmdRevocationList(
  client: DocumentClient,
  service: AmdService,
  key: 'VCEK' | 'VLEK',
  line: AmdProductLine,
  now: UnixSeconds,
): Promise<Fetched<string>> {
  const document = await client.get(
    {
      what: `revocation list of ${line}`,
      url: `${base(service)}/${key.toLowerCase()}/v1/${line}/crl`,
      bytesMax: listBytesMax,
      lane,
      until: revocationListEnd,
    },
    now,
  )
  return { value: encodeHex(document.body), documents: [document] }
}

function base({ url }: AmdService): string {
  return url.replace(/\/+$/, '')
}

/** A security version as the KDS takes it: decimal, at least two digits. */
function svn(name: string, value: number): string {
  if (!Number.isInteger(value) || value < 0 || value > 255)
    throw new MalformedError(name, 0, `got ${value}, expected 0 to 255`)
  return String(value).padStart(2, '0')
}

function firstEnd(body: Bytes): UnixSeconds {
  const limits = { blocksMax: 4, charactersMax: chainBytesMax }
  const blocks = parsePemBlocks(parseUtf8(body, 'cert_chain'), 'CERTIFICATE', 'cert_chain', limits)
  const ends = blocks.map((block) => certificateNames(parseBase64(block, 'cert_chain')).notAfter)
  const [first, ...rest] = ends
  if (first === undefined) throw new MalformedError('cert_chain', 0, 'no certificate')
  return rest.reduce((least, end) => (end < least ? end : least), first)
}
