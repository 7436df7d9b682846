import { OperationError } from '@cloister/codec'

import { membersMax } from './plan.ts'

// The sum of all members' words has to stay below 2^31 in either direction.
const stepsMax = 2 ** 31 / membersMax - 1

/**
 * Writes a member's clipped change of the weights as whole numbers that can be masked and added modulo 2^32: each value times
 * `weight`, and last the weight itself.
 *
 * @param change clipped to `norm` (Euclidean), so that no value is larger.
 * @param weight above 0, at most 1: how much this member counts.
 * @throws {OperationError} `update-refused`, where a value is no number or the change is not clipped.
 */
export function encodeUpdate(
  change: Float32Array,
  norm: number,
  weight: number,
): Uint32Array<ArrayBuffer> {
  if (!(weight > 0 && weight <= 1))
    throw new OperationError('update-refused', 'A weight is not above 0 and at most 1')
  const words = new Uint32Array(change.length + 1)
  change.forEach((value, index) => {
    if (!(Math.abs(value) <= norm * 1.0001))
      throw new OperationError('update-refused', 'A change of the weights is not clipped')
    words[index] = Math.round(((value * weight) / norm) * (stepsMax / 1.0001))
  })
  words[change.length] = Math.round(weight * stepsMax)
  return words
}

/**
 * The weighted mean that a sum of such words stands for.
 *
 * @throws {OperationError} `update-refused`, where the weights add up to nothing.
 */
export function decodeMean(sum: Uint32Array, norm: number): Float32Array<ArrayBuffer> {
  const weight = ((sum.at(-1) ?? 0) | 0) / stepsMax
  if (!(weight > 0)) throw new OperationError('update-refused', 'A sum has no weight')
  const scale = norm / (stepsMax / 1.0001) / weight
  return Float32Array.from(sum.subarray(0, -1), (word) => (word | 0) * scale)
}

/** Adds `words` to `sum` in place, modulo 2^32. */
export function addWords(sum: Uint32Array, words: Uint32Array): void {
  words.forEach((word, index) => {
    sum[index] = (sum[index] ?? 0) + word
  })
}

/** `change`, shortened to at most `norm` where it is longer. @throws {OperationError} `update-refused` where a value is no number. */
export function clipToNorm(change: Float32Array, norm: number): Float32Array {
  const length = Math.sqrt(change.reduce((sum, value) => sum + value * value, 0))
  if (!Number.isFinite(length))
    throw new OperationError(
      'update-refused',
      'A change of the weights holds a value that is no number',
    )
  return length <= norm ? change : change.map((value) => (value * norm) / length)
}
