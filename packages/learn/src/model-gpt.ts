import { MalformedError } from '@cloister/codec'
import type { JsonFields } from './json-fields.ts'
import { modelLimits } from './model-limits.ts'

/**
 * A language model with the architecture of GPT-2: learned positions, layer normalisation before each part, one fused
 * matrix for query, key and value, GELU in its tanh form. A vocabulary of 256 is bytes of text.
 */
export type GptModel = {
  readonly kind: 'gpt'
  readonly vocabulary: number
  readonly layers: number
  readonly heads: number
  /** Numbers per token between layers; the heads share them. */
  readonly width: number
  /** Tokens that the model sees at most. */
  readonly context: number
  /** Whether the matrix that embeds tokens also scores them. */
  readonly tied: boolean
  /** Share of numbers dropped while training, after the embedding and each part. */
  readonly dropout: number
}

/**
 * Reads the fields of a `gpt` beside its kind.
 *
 * @throws {MalformedError} naming the field.
 */
export function readGpt(fields: JsonFields, path: string): GptModel {
  const model: GptModel = {
    kind: 'gpt',
    vocabulary: fields.whole('vocabulary', 2, modelLimits.vocabularyMax),
    layers: fields.whole('layers', 1, modelLimits.layersMax),
    heads: fields.whole('heads', 1, modelLimits.headsMax),
    width: fields.whole('width', 1, modelLimits.widthMax),
    context: fields.whole('context', 2, modelLimits.contextMax),
    tied: fields.flag('tied'),
    dropout: fields.number('dropout', 0, 0.9),
  }
  fields.end()
  if (model.width % model.heads !== 0)
    throw new MalformedError(`${path}.heads`, 0, 'does not divide the width')
  if (gptSize(model) > modelLimits.gptParametersMax)
    throw new MalformedError(path, 0, `more than ${modelLimits.gptParametersMax} parameters`)
  return model
}

/** Number of parameters. */
export function gptSize({ vocabulary, layers, width, context, tied }: GptModel): number {
  const layer = 12 * width * width + 13 * width
  return (tied ? 1 : 2) * vocabulary * width + context * width + layers * layer + 2 * width
}
