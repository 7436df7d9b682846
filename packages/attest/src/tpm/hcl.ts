import {
  equalBytes,
  MalformedError,
  parseJson,
  parseUtf8,
  Reader,
  type Bytes,
  type Json,
} from '@cloister/codec'
import { digest, type HashName, type KeyNumbers } from '#crypto'
import { parseDeviceKey } from '../device-key.ts'
import { UnsupportedFormatError } from '../reject.ts'
import { parseSnpReport, reportBytes } from '../snp/parse.ts'
import { parseTdReport, tdReportBytes, type LocalTdReport } from './td-report.ts'

/** Azure's blob that binds a vTPM's attestation key to a hardware report. Nothing here is trusted. */
export type HclBlob = {
  readonly hardware:
    | { readonly kind: 'snp'; readonly report: Bytes }
    | { readonly kind: 'tdx'; readonly report: LocalTdReport }
  /** What the hardware report signs: 64 bytes. */
  readonly reportData: Bytes
  readonly hash: HashName
  /** JSON in UTF-8, without the zeros that may follow it. */
  readonly runtimeData: Bytes
  /** The same with those zeros, as long as the blob says. */
  readonly paddedRuntimeData: Bytes
  /** The key that the runtime data call the vTPM's attestation key. */
  readonly attestationKey: KeyNumbers
  readonly configuration: VmConfiguration
}

/** What the runtime data say about the VM: what Azure's paravisor was started with. */
export type VmConfiguration = {
  readonly secureBoot?: boolean
  readonly tpmEnabled?: boolean
  readonly tpmPersisted?: boolean
  readonly consoleEnabled?: boolean
  readonly vmUniqueId?: string
  readonly rootCertThumbprint?: string
  /** What the guest asked to have put beside the key, in hexadecimal. */
  readonly userData?: string
}

const blobBytesMax = 32 * 1024
const hardwareAreaBytes = 1184
const attestationRequest = 2
const reportTypes: Readonly<Record<number, 'snp' | 'tdx'>> = { 2: 'snp', 4: 'tdx' }
const hashTypes: Readonly<Record<number, HashName>> = { 1: 'SHA-256', 2: 'SHA-384', 3: 'SHA-512' }
const jsonLimits = { charactersMax: blobBytesMax, depthMax: 8 }
const textCharactersMax = 256

/**
 * Reads a blob, as it stands in the NV index 0x01400001: header, room for the hardware report, runtime data.
 *
 * Zeros may follow each part. Source: Microsoft, "Guest attestation for confidential VMs" (attestation report format).
 *
 * @throws {UnsupportedFormatError} on a report other than SNP's or TDX's, or another hash.
 * @throws {MalformedError} naming the field.
 */
export function parseHclBlob(bytes: Bytes): HclBlob {
  if (bytes.length > blobBytesMax)
    throw new MalformedError('HCL blob', 0, `got ${bytes.length} bytes, at most ${blobBytesMax}`)
  const r = new Reader(bytes)
  const signature = r.bytes('HCL signature', 4)
  if (!equalBytes(signature, Uint8Array.of(0x48, 0x43, 0x4c, 0x41)))
    throw new MalformedError('HCL signature', 0, 'expected HCLA')
  r.bytes('HCL version and size', 8) // The layout is the same in versions 1 and 2; the size is that of the whole.
  const request = r.u32('HCL request type')
  if (request !== attestationRequest)
    throw new UnsupportedFormatError('HCL request type', 12, `got ${request}, expected 2`)
  r.bytes('HCL status', 16)
  const area = r.bytes('HCL hardware report', hardwareAreaBytes)
  r.bytes('HCL runtime data size and version', 8)
  const kind = readKnown(r, 'HCL report type', reportTypes, '2 (SNP) or 4 (TDX)')
  const hash = readKnown(r, 'HCL report data hash', hashTypes, '1 (SHA-256), 2 or 3')
  const start = r.offset + 4
  const padded = r.bytes('HCL runtime data', r.u32('HCL runtime data size'))
  requireZeros(r.bytes('HCL padding', r.remaining), 'HCL padding', start + padded.length)
  const runtimeData = withoutZeros(padded)
  return {
    ...readHardware(kind, area),
    hash,
    runtimeData,
    paddedRuntimeData: padded,
    ...readRuntimeData(runtimeData),
  }
}

/**
 * Whether the hardware report signs the runtime data: their digest, then zeros.
 *
 * Some blobs count the zeros after the JSON as part of it. Either reading binds the same JSON.
 */
export async function bindsRuntimeData(blob: HclBlob): Promise<boolean> {
  for (const data of [blob.runtimeData, blob.paddedRuntimeData]) {
    const expected = new Uint8Array(64)
    expected.set(await digest(blob.hash, data))
    if (equalBytes(expected, blob.reportData)) return true
  }
  return false
}

function readHardware(kind: 'snp' | 'tdx', area: Bytes): Pick<HclBlob, 'hardware' | 'reportData'> {
  if (kind === 'snp') {
    const report = area.subarray(0, reportBytes)
    return { hardware: { kind, report }, reportData: parseSnpReport(report).reportData }
  }
  requireZeros(area.subarray(tdReportBytes), 'HCL hardware report', tdReportBytes)
  const report = parseTdReport(area.subarray(0, tdReportBytes))
  return { hardware: { kind, report }, reportData: report.reportData }
}

/** The runtime data: keys as JSON Web Keys by their names, and the VM's configuration. */
function readRuntimeData(bytes: Bytes): Pick<HclBlob, 'attestationKey' | 'configuration'> {
  const field = 'HCL runtime data'
  const json = parseJson(parseUtf8(bytes, field), field, jsonLimits)
  const { keys, 'vm-configuration': configuration, 'user-data': userData } = membersOf(json)
  const named = isList(keys) ? keys.filter((key) => membersOf(key)['kid'] === 'HCLAkPub') : []
  const [key, ...others] = named
  if (key === undefined || others.length > 0)
    throw new MalformedError(field, 0, `got ${named.length} keys HCLAkPub, expected one`)
  return {
    attestationKey: parseDeviceKey(key, `${field} HCLAkPub`),
    configuration: readConfiguration(membersOf(configuration), userData),
  }
}

function readConfiguration(members: Members, userData: Json | undefined): VmConfiguration {
  const flag = (name: string): boolean | undefined => {
    const value = members[name]
    return typeof value === 'boolean' ? value : undefined
  }
  const secureBoot = flag('secure-boot')
  const tpmEnabled = flag('tpm-enabled')
  const tpmPersisted = flag('tpm-persisted')
  const consoleEnabled = flag('console-enabled')
  const vmUniqueId = textOf(members['vmUniqueId'])
  const rootCertThumbprint = textOf(members['root-cert-thumbprint'])
  const data = textOf(userData)
  return {
    ...(secureBoot !== undefined && { secureBoot }),
    ...(tpmEnabled !== undefined && { tpmEnabled }),
    ...(tpmPersisted !== undefined && { tpmPersisted }),
    ...(consoleEnabled !== undefined && { consoleEnabled }),
    ...(vmUniqueId !== undefined && { vmUniqueId }),
    ...(rootCertThumbprint !== undefined && { rootCertThumbprint }),
    ...(data !== undefined && { userData: data.toLowerCase() }),
  }
}

type Members = Readonly<Record<string, Json | undefined>>

/** The members of an object: none where it is something else. */
function membersOf(value: Json | undefined): Members {
  const isObject = typeof value === 'object' && value !== null && !isList(value)
  return isObject ? value : {}
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value.length <= textCharactersMax ? value : undefined
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

function readKnown<T>(
  r: Reader,
  field: string,
  known: Readonly<Record<number, T>>,
  expected: string,
): T {
  const at = r.offset
  const value = r.u32(field)
  const found = known[value]
  if (found === undefined)
    throw new UnsupportedFormatError(field, at, `got ${value}, expected ${expected}`)
  return found
}

function withoutZeros(bytes: Bytes): Bytes {
  const last = bytes.findLastIndex((byte) => byte !== 0)
  return bytes.subarray(0, last + 1)
}

function requireZeros(bytes: Bytes, field: string, offset: number): void {
  const bad = bytes.findIndex((byte) => byte !== 0)
  if (bad >= 0) throw new MalformedError(field, offset + bad, 'expected zeros')
}
