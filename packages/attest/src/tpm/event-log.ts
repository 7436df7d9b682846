import { MalformedError, Reader, type Bytes } from '@cloister/codec'
import { hashOfId, type TpmHashName } from './algorithms.ts'

/** A log of what firmware and boot loaders measured into PCRs. Nothing in it is signed: PCRs say whether it is true. */
export type EventLog = {
  readonly format: 'crypto-agile' | 'sha1'
  /** Every bank that the log has digests of. */
  readonly banks: readonly TpmHashName[]
  readonly events: readonly LoggedEvent[]
}

/** One entry of a log. */
export type LoggedEvent = {
  readonly pcr: number
  readonly type: number
  readonly digests: Partial<Readonly<Record<TpmHashName, Bytes>>>
  readonly data: Bytes
}

/**
 * Most bytes and events of a log. Firmware keeps it in a buffer of 64 KiB; genuine ones fill a third of that with some
 * hundred events. Spec: TCG ACPI Specification, 4 (LAML, at least 64 KiB).
 */
export const eventLogLimits = { bytesMax: 64 * 1024, eventsMax: 2048 }

/** EV_NO_ACTION: the event informs, and is extended nowhere. Spec: TCG PC Client Platform Firmware Profile, 10.4.1. */
export const noAction = 3

const pcrsMax = 32
const banksMax = 16
const digestBytesMax = 64
const specIdAgile = 'Spec ID Event03\0'

/**
 * Reads a TCG event log: crypto agile, or of SHA-1 alone as TPM 1.2 had it.
 *
 * Zeros after the last event are what remains of the firmware's buffer.
 * Spec: TCG PC Client Platform Firmware Profile, 10.2 and 10.4.5.
 *
 * @throws {MalformedError} naming the event, where it is not in its format or past a limit.
 */
export function parseEventLog(bytes: Bytes): EventLog {
  if (bytes.length > eventLogLimits.bytesMax)
    throw new MalformedError(
      'event log',
      0,
      `got ${bytes.length} bytes, at most ${eventLogLimits.bytesMax}`,
    )
  const r = new Reader(bytes)
  const first = readSha1Event(r, 'event 1')
  const banks = readSpecId(first)
  if (banks === undefined) {
    const rest = readEvents(bytes, r, 2, (name) => readSha1Event(r, name))
    return { format: 'sha1', banks: ['sha1'], events: [first, ...rest] }
  }
  const events = readEvents(bytes, r, 2, (name) => readEvent(r, name, banks))
  return {
    format: 'crypto-agile',
    banks: [...banks.values()].flatMap(({ bank }) => (bank === undefined ? [] : [bank])),
    events,
  }
}

/** The banks of a log: how long a digest is, and which bank that is where it is one known here. */
type Banks = ReadonlyMap<number, { readonly size: number; readonly bank: TpmHashName | undefined }>

function readEvents(
  bytes: Bytes,
  r: Reader,
  firstNumber: number,
  read: (name: string) => LoggedEvent,
): readonly LoggedEvent[] {
  const events: LoggedEvent[] = []
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1
  while (r.offset < end) {
    if (events.length >= eventLogLimits.eventsMax)
      throw new MalformedError(
        'event log',
        r.offset,
        `more than ${eventLogLimits.eventsMax} events`,
      )
    events.push(read(`event ${firstNumber + events.length}`))
  }
  return events
}

/** TCG_PCClientPCREvent. */
function readSha1Event(r: Reader, name: string): LoggedEvent {
  const pcr = readPcr(r, name)
  const type = r.u32(`${name} type`)
  const sha1 = r.bytes(`${name} digest`, 20)
  return { pcr, type, digests: { sha1 }, data: r.bytes(`${name} data`, r.u32(`${name} size`)) }
}

/** TCG_PCR_EVENT2. */
function readEvent(r: Reader, name: string, banks: Banks): LoggedEvent {
  const pcr = readPcr(r, name)
  const type = r.u32(`${name} type`)
  const at = r.offset
  const count = r.u32(`${name} digests`)
  if (count > banks.size)
    throw new MalformedError(`${name} digests`, at, `got ${count}, the log has ${banks.size} banks`)
  const digests: Partial<Record<TpmHashName, Bytes>> = {}
  for (let index = 0; index < count; index++) {
    const start = r.offset
    const id = r.u16(`${name} digest algorithm`)
    const known = banks.get(id)
    if (known === undefined)
      throw new MalformedError(`${name} digest algorithm`, start, `the log has no bank ${id}`)
    const digest = r.bytes(`${name} digest`, known.size)
    if (known.bank === undefined) continue
    if (digests[known.bank] !== undefined)
      throw new MalformedError(`${name} digest algorithm`, start, `${known.bank} occurs twice`)
    digests[known.bank] = digest
  }
  return { pcr, type, digests, data: r.bytes(`${name} data`, r.u32(`${name} size`)) }
}

function readPcr(r: Reader, name: string): number {
  const at = r.offset
  const pcr = r.u32(`${name} PCR`)
  // Some firmware writes what it measured nowhere as PCR 2^32 - 1, with EV_NO_ACTION.
  if (pcr >= pcrsMax && pcr !== 0xffffffff)
    throw new MalformedError(`${name} PCR`, at, `got ${pcr}, expected 0 to ${pcrsMax - 1}`)
  return pcr
}

/** TCG_EfiSpecIdEvent, where the first event is one: it lists the banks of those that follow. */
function readSpecId({ type, data }: LoggedEvent): Banks | undefined {
  const signature = String.fromCharCode(...data.subarray(0, specIdAgile.length))
  if (type !== noAction || signature !== specIdAgile) return undefined
  const field = 'event 1 specification id'
  const r = new Reader(data)
  r.bytes(field, 24) // Signature, platform class, version, errata, size of UINTN: no rule depends on them.
  const at = r.offset
  const count = r.u32(`${field} banks`)
  if (count === 0 || count > banksMax)
    throw new MalformedError(`${field} banks`, at, `got ${count}, expected 1 to ${banksMax}`)
  const banks = new Map<number, { size: number; bank: TpmHashName | undefined }>()
  for (let index = 0; index < count; index++) {
    const start = r.offset
    const id = r.u16(`${field} algorithm`)
    const size = r.u16(`${field} digest size`)
    const hash = hashOfId(id)
    if (banks.has(id) || size > digestBytesMax || (hash !== undefined && hash.size !== size))
      throw new MalformedError(
        `${field} digest size`,
        start,
        `algorithm ${id} with ${size} bytes, or twice`,
      )
    banks.set(id, { size, bank: hash?.name })
  }
  r.bytes(`${field} vendor information`, r.u8(`${field} vendor information size`))
  r.end(field)
  return banks
}
