import { compareTcbRecovery, parseCollateral, type Recovery } from '@cloister/attest'
import { parseUtf8 } from '@cloister/codec'

import type { Given, OptionSpec } from '../command.ts'
import { readInput } from '../files.ts'
import { usageError } from '../usage-error.ts'
import { sayTime } from '../values.ts'
import type { Judged } from './judge.ts'

/** The option of `cloister evidence explain` that looks ahead. */
export const earlyOption: OptionSpec = {
  flags: '--early <FILE>',
  about:
    "Intel's newer documents (fetch --early): what becomes of this machine when they are in force",
}

/**
 * What a TCB recovery that is announced does to this machine. Undefined where nobody asks.
 *
 * @throws {OperationError} `usage`, where it can't be told.
 */
export async function recoveryOf(given: Given, judged: Judged): Promise<Recovery | undefined> {
  const path = given.text('early')
  if (path === undefined) return undefined
  const { evidence } = judged
  const { collateral, anchors, policy, now } = judged.given
  const bytes = readInput(path, { what: 'newer collateral', bytesMax: 4 * 2 ** 20 })
  const { intel: newer } = parseCollateral(parseUtf8(bytes, 'newer collateral'))
  const current = collateral === 'none' ? undefined : collateral.intel
  if (newer === undefined || current === undefined)
    throw usageError(
      "Cannot look ahead: Intel's documents are needed, those in force and the newer ones",
    )
  if (evidence?.tee !== 'sgx' && evidence?.tee !== 'tdx')
    throw usageError('Cannot look ahead: only SGX and TDX machines have a TCB status')
  const machines = [{ name: 'this machine', evidence }]
  return await compareTcbRecovery({ machines, current, newer, anchors, policy, now })
}

/** A recovery in words. */
export function sayRecovery({ machines, currentNumber, newerNumber }: Recovery): readonly string[] {
  return machines.map(({ name, from, to, acceptedNow, acceptedThen, advisories, when }) => {
    const changes = from === to && acceptedNow === acceptedThen
    const numbers = `evaluation data ${currentNumber ?? 'unknown'} to ${newerNumber ?? 'unknown'}`
    if (changes) return `Under the newer documents (${numbers}) nothing changes for ${name}: ${to}.`
    const parts = [
      `Under the newer documents (${numbers}) ${name} goes from ${from} to ${to}`,
      ...(acceptedNow && !acceptedThen ? ['it will be refused'] : []),
      ...(advisories.length > 0 ? [`new advisories: ${advisories.join(', ')}`] : []),
      ...(when.currentEnds === undefined
        ? []
        : [`the documents in force end ${sayTime(when.currentEnds)}`]),
      ...(when.graceEnds === undefined ? [] : [`the grace period ends ${sayTime(when.graceEnds)}`]),
    ]
    return `${parts.join('; ')}.`
  })
}
