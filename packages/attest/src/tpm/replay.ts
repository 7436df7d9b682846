import { encodeHex, type Bytes } from '@cloister/codec'
import { digest } from '#crypto'
import { hashNamed, type TpmHash, type TpmHashName } from './algorithms.ts'
import { noAction, type EventLog } from './event-log.ts'
import { pcrName, type PcrName, type PcrValues } from './pcrs.ts'

/** How a log compares with the values that a TPM quoted. */
export type Replay = {
  /** PCRs that the log leads to. */
  readonly matching: readonly PcrName[]
  /** PCRs that the log speaks of, and that have another value. */
  readonly differing: readonly PcrName[]
  /** PCRs that were extended although the log does not speak of them. */
  readonly unexplained: readonly PcrName[]
}

/** What a PCR was extended with, and the data that the log has beside it, which nothing bears out. */
export type Extension = { readonly digest: Bytes; readonly data: Bytes }

/** PCRs that start as ones: those of a late launch. Spec: TCG PC Client Platform TPM Profile, 4.6.2. */
const lateLaunch = { first: 17, last: 22 }

const startupLocality = 'StartupLocality\0'

/** Extends a log into PCRs, as a TPM does from its start, and compares them with `values`. */
export async function replayLog(
  log: EventLog,
  values: PcrValues,
): Promise<{
  readonly replay: Replay
  /** What each quoted PCR was extended with by the log's account, in order. */
  readonly extensions: ReadonlyMap<PcrName, readonly Extension[]>
}> {
  const replay = {
    matching: new Array<PcrName>(),
    differing: new Array<PcrName>(),
    unexplained: new Array<PcrName>(),
  }
  const extensions = new Map<PcrName, readonly Extension[]>()
  for (const [bankName, quoted] of Object.entries(values)) {
    const bank = hashNamed(bankName)
    if (bank === undefined) continue
    const extended = extensionsOf(log, bank.name)
    for (const [index, value] of Object.entries(quoted)) {
      const pcr = Number(index)
      const name = pcrName(bankName, pcr)
      const spoken = extended.get(pcr)
      if (spoken) extensions.set(name, spoken)
      const computed = encodeHex(await extendAll(startValue(log, bank, pcr), spoken ?? [], bank))
      if (spoken) replay[value === computed ? 'matching' : 'differing'].push(name)
      else if (value !== computed) replay.unexplained.push(name)
    }
  }
  return { replay, extensions }
}

/** What a log extends into one bank, by PCR. */
function extensionsOf(log: EventLog, bank: TpmHashName): ReadonlyMap<number, readonly Extension[]> {
  const extensions = new Map<number, Extension[]>()
  for (const { pcr, type, digests, data } of log.events) {
    const extended = extendedDigest(type, digests, bank)
    if (extended === undefined) continue
    const list = extensions.get(pcr) ?? []
    list.push({ digest: extended, data })
    extensions.set(pcr, list)
  }
  return extensions
}

async function extendAll(
  start: Bytes,
  extensions: readonly Extension[],
  bank: TpmHash,
): Promise<Bytes> {
  let value = start
  for (const extension of extensions) value = await digest(bank.hash, value, extension.digest)
  return value
}

/** EV_NO_ACTION informs, and is extended nowhere. Spec: TCG PC Client Platform Firmware Profile, 10.4.1. */
function extendedDigest(
  type: number,
  digests: EventLog['events'][number]['digests'],
  bank: TpmHashName,
): Bytes | undefined {
  return type === noAction ? undefined : digests[bank]
}

/** Zeros or ones; PCR 0 ends in the locality that the TPM was started from. Spec: the same, 10.4.5.3. */
function startValue(log: EventLog, bank: TpmHash, pcr: number): Bytes {
  const isLate = pcr >= lateLaunch.first && pcr <= lateLaunch.last
  const value = new Uint8Array(bank.size).fill(isLate ? 0xff : 0)
  if (pcr === 0) value[bank.size - 1] = startedFrom(log)
  return value
}

function startedFrom(log: EventLog): number {
  const found = log.events.find(
    ({ pcr, type, data }) =>
      pcr === 0 &&
      type === noAction &&
      data.length === startupLocality.length + 1 &&
      String.fromCharCode(...data.subarray(0, startupLocality.length)) === startupLocality,
  )
  return found?.data[startupLocality.length] ?? 0
}
