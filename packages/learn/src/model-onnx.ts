import { MalformedError } from '@cloister/codec'
import { textItem, type JsonFields } from './json-fields.ts'
import { modelLimits } from './model-limits.ts'

/** A forward graph that the requester brings: an ONNX model whose float constants are trained. */
export type OnnxModel = {
  readonly kind: 'onnx'
  /** Names of the constants to train; absent where all float constants are meant. */
  readonly trainable: readonly string[] | undefined
  /** Names of the classes where the loss is `cross-entropy`, else absent. */
  readonly classes: readonly string[] | undefined
  readonly loss: 'cross-entropy' | 'mean-squared-error'
}

/**
 * Reads the fields of an `onnx` beside its kind.
 *
 * @throws {MalformedError} naming the field.
 */
export function readOnnx(
  fields: JsonFields,
  readClasses: () => readonly string[],
  path: string,
): OnnxModel {
  const loss = fields.choice('loss', ['cross-entropy', 'mean-squared-error'])
  const classes = loss === 'cross-entropy' ? readClasses() : undefined
  const names = { min: 1, max: modelLimits.trainableMax }
  const trainable = fields.has('trainable')
    ? fields.list('trainable', names, (item, place) => textItem(item, place, 256))
    : undefined
  fields.end()
  if (trainable && new Set(trainable).size !== trainable.length)
    throw new MalformedError(`${path}.trainable`, 0, 'one name twice')
  return { kind: 'onnx', trainable, classes, loss }
}
