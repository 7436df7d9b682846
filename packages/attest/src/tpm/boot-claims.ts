import { encodeHex, equalBytes, Reader } from '@cloister/codec'
import { digest } from '#crypto'
import { hashNamed, type TpmHash, type TpmHashName } from './algorithms.ts'
import type { EventLog, LoggedEvent } from './event-log.ts'
import { eventTypeName, eventTypes } from './event-types.ts'
import { replayLog, type Replay } from './replay.ts'
import { pcrName, type PcrValues } from './pcrs.ts'

/** What a log says about a boot, as far as the quoted PCRs bear it out. */
export type BootClaims = Replay & {
  readonly format: EventLog['format']
  readonly events: number
  /** How many events of each type. */
  readonly eventTypes: Readonly<Record<string, number>>
  /**
   * Whether firmware checked what it started. Absent where the log does not say so in an event that PCR 7 bears out:
   * before the separator, since what comes after it can be anybody's.
   */
  readonly secureBoot?: boolean
  /**
   * Digests (Authenticode) of what firmware started, in order, in the first quoted bank: only where PCR 4 bears them
   * out. At most 32 of them.
   */
  readonly bootApplications?: readonly string[]
}

const bootApplicationsMax = 32
const bootPcr = 4
const secureBootPcr = 7

/** Replays a log against quoted values and reads from it what a policy may want to know. */
export async function readBootClaims(log: EventLog, values: PcrValues): Promise<BootClaims> {
  const replay = await replayLog(log, values)
  const counts = new Map<string, number>()
  for (const { type } of log.events) {
    const name = eventTypeName(type)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const banks = Object.keys(values).flatMap((name) => hashNamed(name) ?? [])
  const bankOf = (pcr: number): TpmHash | undefined =>
    banks.find((bank) => replay.matching.includes(pcrName(bank.name, pcr)))
  const secureBootBank = bankOf(secureBootPcr)
  const secureBoot = secureBootBank && (await readSecureBoot(log, secureBootBank))
  const bootBank = bankOf(bootPcr)
  return {
    format: log.format,
    events: log.events.length,
    eventTypes: Object.fromEntries(counts),
    ...replay,
    ...(secureBoot !== undefined && { secureBoot }),
    ...(bootBank && { bootApplications: readBootApplications(log, bootBank.name) }),
  }
}

/**
 * The variable SecureBoot, where its event's digest is that of its data: a replay bears out digests, not data.
 *
 * Spec: TCG PC Client Platform Firmware Profile, 3.3.4.8 (PCR 7).
 */
async function readSecureBoot(log: EventLog, bank: TpmHash): Promise<boolean | undefined> {
  for (const event of log.events) {
    if (event.pcr !== secureBootPcr) continue
    if (event.type === eventTypes.EV_SEPARATOR) return undefined
    const enabled = readSecureBootVariable(event)
    if (enabled === undefined) continue
    const logged = event.digests[bank.name]
    const holds = logged !== undefined && equalBytes(await digest(bank.hash, event.data), logged)
    return holds ? enabled : undefined
  }
  return undefined
}

const globalVariable = '61dfe48bca93d211aa0d00e098032b8c'
const variableName = 'SecureBoot'
const nameCharactersMax = 64

/** UEFI_VARIABLE_DATA. Spec: the same, 10.2.6; UEFI 2.10, 3.3 (the GUID and the variable). */
function readSecureBootVariable({ type, data }: LoggedEvent): boolean | undefined {
  const header = 32
  if (type !== eventTypes.EV_EFI_VARIABLE_DRIVER_CONFIG || data.length < header) return undefined
  const r = new Reader(data)
  const guid = encodeHex(r.bytes('variable GUID', 16))
  const nameLength = Number(r.u64('variable name length'))
  const dataLength = Number(r.u64('variable data length'))
  if (guid !== globalVariable || nameLength > nameCharactersMax) return undefined
  if (r.remaining !== nameLength * 2 + dataLength) return undefined
  const name = Array.from({ length: nameLength }, () => String.fromCharCode(r.u16('variable name')))
  if (name.join('') !== variableName || dataLength !== 1) return undefined
  return r.u8('variable data') === 1
}

function readBootApplications(log: EventLog, bank: TpmHashName): readonly string[] {
  return log.events
    .filter(
      ({ pcr, type }) => pcr === bootPcr && type === eventTypes.EV_EFI_BOOT_SERVICES_APPLICATION,
    )
    .slice(0, bootApplicationsMax)
    .flatMap(({ digests }) => {
      const found = digests[bank]
      return found ? [encodeHex(found)] : []
    })
}
