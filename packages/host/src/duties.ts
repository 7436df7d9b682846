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

/** Decides what a host does about a task. Equal facts give equal duties on every host. */
export function decideDuty(task: TaskFacts, given: DutyGiven): Duty {
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
      return timestamp > task.judgedAt + given.challengeSeconds ? 'settle' : 'none'
    default:
      return 'none'
  }
}
