import { setTimeout as sleep } from 'node:timers/promises'

/** How often and how long something is tried again. */
export type RetryPlan = {
  readonly attemptsMax: number
  readonly firstDelayMs: number
  readonly delayMsMax: number
}

/** Four attempts in about two seconds: enough for a chain or a peer that is restarting. */
export const defaultRetryPlan: RetryPlan = { attemptsMax: 4, firstDelayMs: 200, delayMsMax: 2_000 }

/** The wait before attempt `attempt` (counted from 1): doubles, capped, with up to a quarter of jitter. */
export function retryDelayMs(plan: RetryPlan, attempt: number, random: number): number {
  const delay = Math.min(plan.delayMsMax, plan.firstDelayMs * 2 ** (attempt - 1))
  return Math.round(delay * (1 + random / 4))
}

/** Tries `action` until it succeeds, fails for good or the plan is used up. Throws the last failure. */
export async function retry<T>(
  plan: RetryPlan,
  mayRetry: (error: unknown) => boolean,
  action: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action()
    } catch (error) {
      if (attempt >= plan.attemptsMax || !mayRetry(error) || signal?.aborted === true) throw error
    }
    await sleep(retryDelayMs(plan, attempt, Math.random()))
  }
}

/** Runs actions one after another in the order they came, each whether or not the one before failed. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `action` when everything queued before it is over. */
  run<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action)
    this.#last = result.catch(() => undefined)
    return result
  }
}
