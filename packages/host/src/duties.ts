import type { Hex } from 'viem'

/** States of a task. Spec: docs/protocol.md section 7. */
export const taskStates = { placed: 1, running: 2, posted: 3, accepted: 4 } as const

/** What is known of a task when it is decided what to do about it. Times are Unix seconds of blocks. */
export type TaskFacts = {
  readonly state: number
  readonly node: Hex
  readonly seedBlock: bigint
  readonly expiry: bigint
  readonly attemptDeadline: bigint
  readonly postedAt: bigint
  readonly judgedAt: bigint
  /** How many replicas its order has, and which of them this is, from 0. */
  readonly replicas: number
  readonly replica: number
}

/** What is known besides the task. */
export type DutyGiven = {
  readonly receiptKey: Hex
  readonly head: { readonly number: bigint; readonly timestamp: bigint }
  readonly judgeSeconds: bigint
  readonly challengeSeconds: bigint
}

/** What a host does about a task now: `run` is this node's alone, the others are anybody's. */
export type Duty =
  | 'none'
  | 'run'
  | 'draw'
  | 'refundExpired'
  | 'timeout'
  | 'expireJudgement'
  | 'settle'
  | 'settleReplicas'

/**
 * Decides what a host does about a task. Equal facts give equal duties on every host.
 *
 * `replicas` are all tasks of its order, of which the first settles for all: needed where {@link awaitsReplicas} says so.
 */
export function decideDuty(
  task: TaskFacts,
  given: DutyGiven,
  replicas: readonly TaskFacts[] = [],
): Duty {
  const { number, timestamp } = given.head
  switch (task.state) {
    case taskStates.placed:
      if (timestamp >= task.expiry) return 'refundExpired'
      return number > task.seedBlock ? 'draw' : 'none'
    case taskStates.running:
      if (timestamp > task.attemptDeadline) return 'timeout'
      return task.node.toLowerCase() === given.receiptKey.toLowerCase() ? 'run' : 'none'
    case taskStates.posted:
      return timestamp > task.postedAt + given.judgeSeconds ? 'expireJudgement' : 'none'
    case taskStates.accepted:
      if (task.replicas === 1)
        return timestamp > task.judgedAt + given.challengeSeconds ? 'settle' : 'none'
      return awaitsReplicas(task) && areUnchallenged(task.replicas, replicas, given)
        ? 'settleReplicas'
        : 'none'
    default:
      return 'none'
  }
}

/** Whether what to do about a task depends on the other replicas of its order. */
export function awaitsReplicas({ state, replicas, replica }: TaskFacts): boolean {
  return state === taskStates.accepted && replicas > 1 && replica === 0
}

// Paid or refunded together: when all are accepted, and the last one's challenge window is over.
function areUnchallenged(count: number, all: readonly TaskFacts[], given: DutyGiven): boolean {
  return (
    all.length === count &&
    all.every(
      ({ state, judgedAt }) =>
        state === taskStates.accepted && given.head.timestamp > judgedAt + given.challengeSeconds,
    )
  )
}
