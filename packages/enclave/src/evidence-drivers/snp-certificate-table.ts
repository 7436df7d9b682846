import type { AmdCollateral } from '@cloister/attest'
import {
  encodeBase64,
  encodeHex,
  encodePem,
  MalformedError,
  Reader,
  type Bytes,
} from '@cloister/codec'

type Kind = 'vcek' | 'vlek' | 'ask' | 'ark' | 'crl'

/**
 * What a table may hold, by GUID. Their digits stand in the table as they are printed (RFC 9562), not in Microsoft's
 * mixed order. Hosts may add entries of their own: unknown ones are left aside.
 *
 * Spec: AMD GHCB specification 2.03, 4.1.8.1. The list's GUID: AMD's host tools (virtee/sev, `CertType`).
 */
const kinds: ReadonlyMap<string, Kind> = new Map([
  ['63da758de6644564adc5f4b93be8accd', 'vcek'],
  ['a8074bc2a25a483eaae639c045a0b8a1', 'vlek'],
  ['4ab7b379bbac4fe4a02f05aef327c782', 'ask'],
  ['c0b406a4a803495297433fb6014cd0ae', 'ark'],
  ['92f81bc358114d3d97ffd19f88dc67ea', 'crl'],
])

const entriesMax = 32

/** SIGNER_INFO of a report: bits 2 to 4 name the key. Spec: SEV-SNP firmware ABI 1.58, table 23, offset 48h. */
const signerInfoOffset = 0x48

/**
 * Reads the certificates that an SNP host hands to its guests beside a report: the leaf of the key that signed it,
 * then AMD's own where they came along. Undefined where the host gave none for that key. Nothing here is trusted.
 *
 * @throws {MalformedError} on a table without an end, or an entry that points outside of it or stands there twice.
 */
export function readCertificateTable(table: Bytes, report: Bytes): AmdCollateral | undefined {
  const found = readEntries(table)
  const leaf = found.get(signedByVlek(report) ? 'vlek' : 'vcek')
  if (leaf === undefined) return undefined
  const ask = found.get('ask')
  const ark = found.get('ark')
  const crl = found.get('crl')
  // The ASK certifies VCEKs only: beside a VLEK it would stand in the place of the ASVK, which no GUID names.
  const above =
    ask === undefined || signedByVlek(report) ? [] : ark === undefined ? [ask] : [ask, ark]
  return {
    certificateChain: [leaf, ...above]
      .map((der) => encodePem(encodeBase64(der), 'CERTIFICATE'))
      .join(''),
    ...(crl !== undefined && { crl: encodeHex(crl) }),
  }
}

function signedByVlek(report: Bytes): boolean {
  const r = new Reader(report)
  r.bytes('fields before SIGNER_INFO', signerInfoOffset)
  return ((r.u32('SIGNER_INFO') >> 2) & 7) === 1
}

function readEntries(table: Bytes): ReadonlyMap<Kind, Bytes> {
  const found = new Map<Kind, Bytes>()
  if (table.every((byte) => byte === 0)) return found // A host that supplies nothing leaves the buffer empty.
  const r = new Reader(table)
  for (let entry = 0; entry < entriesMax; entry++) {
    const guid = encodeHex(r.bytes('certificate table GUID', 16))
    const offset = r.u32('certificate table offset')
    const length = r.u32('certificate table length')
    if (/^0+$/.test(guid)) return found
    if (offset + length > table.length)
      throw new MalformedError(
        'certificate table entry',
        entry * 24,
        `bytes ${offset} to ${offset + length} of a table of ${table.length}`,
      )
    const kind = kinds.get(guid)
    if (kind === undefined || length === 0) continue
    if (found.has(kind))
      throw new MalformedError('certificate table entry', entry * 24, `a second ${kind}`)
    found.set(kind, table.slice(offset, offset + length))
  }
  throw new MalformedError('certificate table', 0, `more than ${entriesMax} entries`)
}
