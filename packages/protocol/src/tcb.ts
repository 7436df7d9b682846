// The order in which a grant's `tcbFloor` counts. Spec: docs/protocol.md section 4.
const statuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
] as const

/** The TCB statuses that a floor may accept, best first. `Revoked` is never one. */
export type TcbStatus = (typeof statuses)[number]

/** The worst rank that exists: a `tcbFloor` above it is malformed. */
export const tcbRankMax = 5

/** The rank of a TCB status, 0 the best; undefined for `Revoked` and anything unknown, which no floor accepts. */
export function tcbRank(status: string): number | undefined {
  const rank = statuses.findIndex((known) => known === status)
  return rank < 0 ? undefined : rank
}

/** The statuses that a floor accepts: every one of its rank or better. */
export function tcbStatusesUpTo(floor: number): readonly TcbStatus[] {
  return statuses.slice(0, floor + 1)
}
