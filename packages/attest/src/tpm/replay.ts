import { encodeHex, type Bytes } from '@cloister/codec'
import { digest } from '#crypto'
import { hashNamed, type TpmHash, type TpmHashName } from './algorithms.ts'
import type { EventLog } from './event-log.ts'
import { eventTypes } from './event-types.ts'
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

/** PCRs that start as ones: those of a late launch. Spec: TCG PC Client Platform TPM Profile, 4.6.2. */
const lateLaunch = { first: 17, last: 22 }

const startupLocality = 'StartupLocality\0'

/** Extends a log into PCRs, as a TPM does from its start, and compares them with `values`. */
export async function replayLog(log: EventLog, values: PcrValues): Promise<Replay> {
  const matching: PcrName[] = []
  const differing: PcrName[] = []
  const unexplained: PcrName[] = []
  for (const [name, quoted] of Object.entries(values)) {
    const bank = hashNamed(name)
    if (bank === undefined) continue
    const replayed = await replayBank(log, bank)
    for (const [index, value] of Object.entries(quoted)) {
      const pcr = Number(index)
      const computed = replayed.get(pcr)
      const expected = encodeHex(computed ?? startValue(log, bank, pcr))
      const list = value === expected ? matching : computed ? differing : unexplained
      if (list !== matching || computed !== undefined) list.push(pcrName(name, pcr))
    }
  }
  return { matching, differing, unexplained }
}

/** Values of the PCRs that a log extends in one bank. */
async function replayBank(log: EventLog, bank: TpmHash): Promise<ReadonlyMap<number, Bytes>> {
  const pcrs = new Map<number, Bytes>()
  for (const { pcr, type, digests } of log.events) {
    const extended = extendedDigest(type, digests, bank.name)
    if (extended === undefined) continue
    const before = pcrs.get(pcr) ?? startValue(log, bank, pcr)
    pcrs.set(pcr, await digest(bank.hash, before, extended))
  }
  return pcrs
}

/** EV_NO_ACTION informs, and is extended nowhere. Spec: TCG PC Client Platform Firmware Profile, 10.4.1. */
function extendedDigest(
  type: number,
  digests: EventLog['events'][number]['digests'],
  bank: TpmHashName,
): Bytes | undefined {
  return type === eventTypes.EV_NO_ACTION ? undefined : digests[bank]
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
      type === eventTypes.EV_NO_ACTION &&
      data.length === startupLocality.length + 1 &&
      String.fromCharCode(...data.subarray(0, startupLocality.length)) === startupLocality,
  )
  return found?.data[startupLocality.length] ?? 0
}
