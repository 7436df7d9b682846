import { OperationError } from '@cloister/codec'

import type { ChainView } from '../chain/chain-view.ts'
import { requireCommittee } from '../chain/require-committee.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { attemptFreshSeconds } from '../keeper/judge-request.ts'
import { isCurrent } from '../keeper/require-asker.ts'
import type { SealedInput } from './open-inputs.ts'
import type { PreparedAttempt } from './prepare-attempt.ts'

/**
 * The right to use released keys, for as long as the chain runs this attempt here. It is asked for before each use of them;
 * what the chain said counts for as long as keepers take a binding for, then a fresh checkpoint is needed. After the
 * attempt's deadline by this enclave's own clock, or once another attempt took its place, nothing is opened any more.
 *
 * A revocation does not end it: it stops releases, never the work whose keys were released before.
 */
export class Lease {
  readonly #context: Pick<EnclaveContext, 'chain' | 'config' | 'facts' | 'identity'>
  readonly #attempt: Pick<PreparedAttempt, 'task' | 'attempt' | 'orderDigest'>
  readonly #deadline: bigint
  #view: ChainView
  #renewing: Promise<void> | undefined

  constructor(
    context: Pick<EnclaveContext, 'chain' | 'config' | 'facts' | 'identity'>,
    prepared: Pick<PreparedAttempt, 'task' | 'attempt' | 'orderDigest' | 'view' | 'secondsLeft'>,
  ) {
    this.#context = context
    this.#attempt = prepared
    this.#view = prepared.view
    this.#deadline = prepared.view.now + BigInt(Math.floor(prepared.secondsLeft))
  }

  /**
   * Returns while the lease holds. @throws {OperationError} `lease-over` past the deadline or where the chain runs another
   * attempt; what a checkpoint fails with, where none can be had.
   */
  async require(): Promise<void> {
    const age = this.#view.ageSeconds()
    if (Number(this.#deadline - this.#view.now) <= age) throw over('its deadline has passed')
    if (age <= Number(attemptFreshSeconds)) return
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined
    })
    await this.#renewing
  }

  /** The same input, whose every read needs the lease. */
  guard(input: SealedInput): SealedInput {
    return {
      ...input,
      read: async (offset, length) => {
        await this.require()
        return input.read(offset, length)
      },
    }
  }

  async #renew(): Promise<void> {
    const { chain, facts, identity } = this.#context
    const { task, attempt, orderDigest } = this.#attempt
    const view = await chain.fresh(this.#view.checkpoint.height)
    await requireCommittee(this.#context, view)
    const known = await facts.task(view, task, 'head')
    const wanted = { attempt, receiptKey: identity.receiptKey }
    if (!isCurrent(known, wanted, orderDigest, view.now))
      throw over('the chain does not run it here any more')
    this.#view = view
  }
}

function over(detail: string): OperationError {
  return new OperationError('lease-over', `Cannot use this attempt's keys any more: ${detail}`)
}
