/** Why a keeper does not release. Spec: docs/protocol.md section 5. */
export const refusalReasons = {
  grantRevoked: 1,
  grantNotCurrent: 2,
  grantDoesNotCover: 3,
  evidenceRefused: 4,
  attemptNotCurrent: 5,
  otherEvidencePinned: 6,
  noShare: 7,
  noCheckpoint: 8,
} as const

/** The number of one reason. */
export type RefusalReason = (typeof refusalReasons)[keyof typeof refusalReasons]

/** Who is charged for a refusal. */
export type RefusalCause = 'owner' | 'node' | 'keeper' | 'nobody'

const causes: Readonly<Record<RefusalReason, RefusalCause>> = {
  1: 'owner',
  2: 'owner',
  3: 'owner',
  4: 'node',
  5: 'nobody',
  6: 'node',
  7: 'keeper',
  8: 'keeper',
}

/** Who is charged for a refusal with this reason. Spec: docs/protocol.md section 5. */
export function refusalCause(reason: RefusalReason): RefusalCause {
  return causes[reason]
}

/** Whether a number from outside is a {@link RefusalReason}. */
export function isRefusalReason(value: number): value is RefusalReason {
  return Number.isInteger(value) && value >= 1 && value <= 8
}
