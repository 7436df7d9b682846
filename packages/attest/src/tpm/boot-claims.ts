import { encodeHex, equalBytes, Reader, type Bytes } from '@cloister/codec'
import { digest } from '#crypto'
import { hashNamed, type TpmHash } from './algorithms.ts'
import type { EventLog } from './event-log.ts'
import { replayLog, type Extension, type Replay } from './replay.ts'
import { pcrName, type PcrValues } from './pcrs.ts'

/**
 * What a log says about a boot, and the quoted PCRs force: which digests were extended, and in which order. Types and
 * data of events are measured nowhere, so nothing here follows from them alone.
 */
export type BootClaims = Replay & {
  readonly format: EventLog['format']
  /**
   * Whether firmware checked what it started: the variable SecureBoot, where it is the first that PCR 7 was extended
   * with, and a separator follows. Absent otherwise: what comes later can be anybody's.
   */
  readonly secureBoot?: boolean
  /**
   * What PCR 4 was extended with after its separator, in order, at most the first 32: digests (Authenticode) of what
   * firmware started, then those of whoever else extended it. Absent where there is no separator.
   */
  readonly bootDigests?: readonly string[]
}

const bootDigestsMax = 32
const bootPcr = 4
const secureBootPcr = 7

/** Data of a separator that stands for no error. Spec: TCG PC Client Platform Firmware Profile, 10.4.1. */
const separators: readonly Bytes[] = [0x00, 0xff].map((value) => new Uint8Array(4).fill(value))

/** Replays a log against quoted values and reads from it what a policy may want to know. */
export async function readBootClaims(log: EventLog, values: PcrValues): Promise<BootClaims> {
  const { replay, extensions } = await replayLog(log, values)
  const banks = Object.keys(values).flatMap((name) => hashNamed(name) ?? [])
  const bankOf = (pcr: number): TpmHash | undefined =>
    banks.find((bank) => replay.matching.includes(pcrName(bank.name, pcr)))
  const extended = (bank: TpmHash, pcr: number): readonly Extension[] =>
    extensions.get(pcrName(bank.name, pcr)) ?? []
  const secureBootBank = bankOf(secureBootPcr)
  const secureBoot =
    secureBootBank &&
    (await readSecureBoot(extended(secureBootBank, secureBootPcr), secureBootBank))
  const bootBank = bankOf(bootPcr)
  const bootDigests = bootBank && (await readBootDigests(extended(bootBank, bootPcr), bootBank))
  return {
    format: log.format,
    ...replay,
    ...(secureBoot !== undefined && { secureBoot }),
    ...(bootDigests && { bootDigests }),
  }
}

/**
 * The variable SecureBoot, which firmware measures into PCR 7 before anything else, ending with a separator.
 *
 * Spec: TCG PC Client Platform Firmware Profile, 3.3.4.8 (PCR 7, and the order of its events).
 */
async function readSecureBoot(
  extended: readonly Extension[],
  bank: TpmHash,
): Promise<boolean | undefined> {
  const [first] = extended
  if (first === undefined || (await findSeparator(extended, bank)) < 1) return undefined
  const enabled = readSecureBootVariable(first.data)
  const holds =
    enabled !== undefined && equalBytes(await digest(bank.hash, first.data), first.digest)
  return holds ? enabled : undefined
}

const globalVariable = '61dfe48bca93d211aa0d00e098032b8c'
const variableName = 'SecureBoot'
const headerBytes = 32

/** UEFI_VARIABLE_DATA. Spec: the same, 10.2.6; UEFI 2.10, 3.3 (the GUID and the variable, which is 0 or 1). */
function readSecureBootVariable(data: Bytes): boolean | undefined {
  if (data.length !== headerBytes + variableName.length * 2 + 1) return undefined
  const r = new Reader(data)
  const guid = encodeHex(r.bytes('variable GUID', 16))
  const nameLength = Number(r.u64('variable name length'))
  const dataLength = Number(r.u64('variable data length'))
  if (guid !== globalVariable || nameLength !== variableName.length || dataLength !== 1)
    return undefined
  const name = Array.from({ length: nameLength }, () => String.fromCharCode(r.u16('variable name')))
  const value = r.u8('variable data')
  return name.join('') === variableName && value <= 1 ? value === 1 : undefined
}

async function readBootDigests(
  extended: readonly Extension[],
  bank: TpmHash,
): Promise<readonly string[] | undefined> {
  const separator = await findSeparator(extended, bank)
  if (separator < 0) return undefined
  return extended
    .slice(separator + 1, separator + 1 + bootDigestsMax)
    .map((extension) => encodeHex(extension.digest))
}

/** Where firmware said that it hands over, known by its digest: -1 where it did not. */
async function findSeparator(extended: readonly Extension[], bank: TpmHash): Promise<number> {
  const digests = await Promise.all(separators.map((data) => digest(bank.hash, data)))
  return extended.findIndex((extension) =>
    digests.some((separator) => equalBytes(separator, extension.digest)),
  )
}
