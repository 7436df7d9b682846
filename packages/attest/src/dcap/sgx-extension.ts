import {
  DerReader,
  derTags,
  encodeHex,
  MalformedError,
  parseHex,
  type Bytes,
} from '@cloister/codec'

/** What a PCK certificate says about its platform. Hexadecimal where it is bytes. */
export type SgxExtension = {
  readonly ppid: string
  readonly cpuSvn: string
  /** The 16 component SVNs. */
  readonly svns: readonly number[]
  readonly pceSvn: number
  readonly pceId: string
  readonly fmspc: string
  /** 0 standard, 1 scalable, 2 scalable with integrity. */
  readonly sgxType: number
  /** Of multi-package platforms only. */
  readonly configuration: Readonly<Record<string, boolean>> | undefined
}

/** The content of the extension's own identifier, 1.2.840.113741.1.13.1: every entry's starts with it. */
const base = parseHex('2a864886f84d010d01')
const configurationNames: Readonly<Record<number, string>> = {
  1: 'dynamicPlatform',
  2: 'cachedKeys',
  3: 'smtEnabled',
}

/**
 * Reads the SGX extension: exactly the 5 entries of a Processor CA's certificate, or the 7 of a
 * Platform CA's, each once.
 *
 * Spec: Intel SGX PCK Certificate and CRL Profile Specification, section 1.3.5.
 *
 * @throws {MalformedError} naming the entry.
 */
export function parseSgxExtension(der: Bytes): SgxExtension {
  const outer = new DerReader(der)
  const entries = readEntries(outer.inside('SGX extension'))
  outer.end('SGX extension')
  if (entries.size !== 5 && entries.size !== 7)
    throw new MalformedError('SGX extension', 0, `got ${entries.size} entries, expected 5 or 7`)
  const tcb = readEntries(take(entries, 2).inside('SGX extension TCB'), 2)
  if (tcb.size !== 18)
    throw new MalformedError('SGX extension TCB', 0, `got ${tcb.size} entries, expected 18`)
  const svns = Array.from({ length: 16 }, (_, index) => byte(take(tcb, index + 1)))
  if (entries.size === 7) {
    octets(take(entries, 6), 'platform instance id', 16)
    take(entries, 7)
  }
  const configuration = entries.get(7)?.inside('SGX extension configuration')
  return {
    ppid: octets(take(entries, 1), 'PPID', 16),
    cpuSvn: octets(take(tcb, 18), 'CPUSVN', 16),
    svns,
    pceSvn: take(tcb, 17).unsigned('SGX extension PCESVN'),
    pceId: octets(take(entries, 3), 'PCE id', 2),
    fmspc: octets(take(entries, 4), 'FMSPC', 6),
    sgxType: enumerated(take(entries, 5), 'SGX type'),
    configuration: configuration && readConfiguration(configuration),
  }
}

/** Entries by the last arc of their identifier, which is that of the whole extension, then `within`, then this arc. */
function readEntries(list: DerReader, within?: number): ReadonlyMap<number, DerReader> {
  const entries = new Map<number, DerReader>()
  while (list.remaining > 0) {
    const { offset } = list
    const entry = list.inside('SGX extension entry')
    const content = entry.objectIdContent('SGX extension entry')
    const key = lastArc(content, within)
    if (key === undefined || entries.has(key))
      throw new MalformedError(
        'SGX extension entry',
        offset,
        `identifier ${encodeHex(content)} is unknown or occurs twice`,
      )
    entries.set(key, entry)
  }
  return entries
}

/** Compared as bytes: each certificate has some thirty of these, and every arc here fits one byte. */
function lastArc(id: Bytes, within: number | undefined): number | undefined {
  const size = base.length + (within === undefined ? 1 : 2)
  if (id.length !== size || (within !== undefined && id[base.length] !== within)) return undefined
  for (let index = 0; index < base.length; index++) if (id[index] !== base[index]) return undefined
  const arc = id[size - 1]
  return arc === undefined || arc === 0 || arc > 0x7f ? undefined : arc
}

function take(entries: ReadonlyMap<number, DerReader>, key: number): DerReader {
  const entry = entries.get(key)
  if (entry === undefined) throw new MalformedError(`SGX extension entry ${key}`, 0, 'absent')
  return entry
}

function octets(entry: DerReader, field: string, size: number): string {
  const content = entry.octets(`SGX extension ${field}`)
  if (content.length !== size)
    throw new MalformedError(
      `SGX extension ${field}`,
      0,
      `got ${content.length} bytes, expected ${size}`,
    )
  return encodeHex(content)
}

function byte(entry: DerReader): number {
  const value = entry.unsigned('SGX extension component SVN')
  if (value > 255) throw new MalformedError('SGX extension component SVN', 0, `got ${value}`)
  return value
}

function enumerated(entry: DerReader, field: string): number {
  const { content } = entry.element(`SGX extension ${field}`, derTags.enumerated)
  const [value] = content
  if (value === undefined || content.length !== 1 || value > 127)
    throw new MalformedError(`SGX extension ${field}`, 0, 'expected a number below 128')
  return value
}

function readConfiguration(list: DerReader): Readonly<Record<string, boolean>> {
  const configuration: Record<string, boolean> = {}
  for (const [key, entry] of readEntries(list, 7)) {
    const name = configurationNames[key]
    if (name === undefined)
      throw new MalformedError(`SGX extension configuration ${key}`, 0, 'not known here')
    configuration[name] = entry.boolean(`SGX extension configuration ${name}`)
  }
  return configuration
}
