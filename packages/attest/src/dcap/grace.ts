import { unixSeconds, type UnixSeconds } from '@cloister/codec'
import { noEnd } from '../x509/chain.ts'
import type { IntelTcbClaims } from './claims.ts'
import type { ComponentStatus, TcbStatus } from './tcb-status.ts'

/** What a grace period is counted from: each part of a machine, how it stands, and when its level was set. */
export type GraceClaims = IntelTcbClaims & {
  /** Absent where there is none, or where it is judged with the platform. */
  readonly tdxModule?: { readonly tcbStatus: ComponentStatus; readonly tcbDate: string }
}

/**
 * When the grace period of a machine ends: `graceSeconds` after the earliest date among the parts (platform, TDX
 * module, quoting enclave) that are out of date. Whoever updates one part gains no time for another. Undefined where no
 * part is out of date.
 *
 * A negative period, or one that is no number, is none; one past the year 9999 ends with that.
 */
export function graceEnd(claims: GraceClaims, graceSeconds: number): UnixSeconds | undefined {
  const dates = partsOf(claims)
    .filter(({ status }) => isLate(status))
    .map(({ date }) => Math.floor(Date.parse(date ?? '') / 1000))
  if (dates.length === 0) return undefined
  const grace = graceSeconds > 0 ? Math.floor(graceSeconds) : 0
  return unixSeconds(Math.min(Math.min(...dates) + grace, noEnd))
}

/** Whether a status says that a newer TCB is there. */
export function isLate(status: TcbStatus | undefined): boolean {
  return status === 'OutOfDate' || status === 'OutOfDateConfigurationNeeded'
}

function partsOf(claims: GraceClaims): readonly {
  readonly status: TcbStatus | undefined
  readonly date: string | undefined
}[] {
  return [
    { status: claims.platformTcbStatus, date: claims.tcbDate },
    { status: claims.qeTcbStatus, date: claims.qeTcbDate },
    { status: claims.tdxModule?.tcbStatus, date: claims.tdxModule?.tcbDate },
  ]
}
