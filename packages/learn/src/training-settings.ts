import { parseJson, type Json } from '@cloister/codec'
import { JsonFields } from './json-fields.ts'
import { parseModelDefinition, type ModelDefinition } from './model.ts'

/** What training settings may ask for at most. */
export const trainingLimits = {
  charactersMax: 65_536,
  epochsMax: 10_000,
  batchSizeMax: 65_536,
  learningRateMax: 10,
  l2Max: 10,
  seedMax: 0xffff_ffff,
  stepsMax: 5_000_000,
} as const

/** How a model is trained. */
export type TrainingSettings = {
  /** Times that training sees every row. */
  readonly epochs: number
  /** Rows per step. */
  readonly batchSize: number
  readonly learningRate: number
  readonly optimizer: 'sgd' | 'adam'
  /** Weight of half the sum of all squared weights (not biases) in the loss. */
  readonly l2: number
  /** Decides initial weights and the order of rows. */
  readonly seed: number
  /** Whether each feature is first brought to mean 0 and standard deviation 1 over all rows. */
  readonly standardize: boolean
}

/** What the parameters of a training order hold: the model to train, and how. */
export type TrainingPlan = {
  /** What the requester calls it. Nothing depends on it. */
  readonly name: string | undefined
  readonly model: ModelDefinition
  readonly settings: TrainingSettings
}

/**
 * Reads training settings from JSON text. Every field must be there, an unknown one is refused.
 *
 * @throws {MalformedError} naming the field; never repeats a value, for settings are sealed.
 */
export function parseTrainingSettings(text: string): TrainingSettings {
  return readSettings(parseJson(text, 'settings', limits), 'settings')
}

/**
 * Reads the parameters of a training order: `{"model": ..., "settings": ..., "name"?: ...}`.
 *
 * @throws {MalformedError} naming the field; never repeats a value.
 */
export function parseTrainingPlan(text: string): TrainingPlan {
  const fields = new JsonFields(parseJson(text, 'parameters', limits), 'parameters')
  const name = fields.has('name') ? fields.text('name', 200) : undefined
  const model = parseModelDefinition(fields.value('model'), 'parameters.model')
  const settings = readSettings(fields.value('settings'), 'parameters.settings')
  fields.end()
  return { name, model, settings }
}

const limits = { charactersMax: trainingLimits.charactersMax, depthMax: 4 }

function readSettings(value: Json, path: string): TrainingSettings {
  const fields = new JsonFields(value, path)
  const settings: TrainingSettings = {
    epochs: fields.whole('epochs', 1, trainingLimits.epochsMax),
    batchSize: fields.whole('batchSize', 1, trainingLimits.batchSizeMax),
    learningRate: fields.number('learningRate', 1e-9, trainingLimits.learningRateMax),
    optimizer: fields.choice('optimizer', ['sgd', 'adam']),
    l2: fields.number('l2', 0, trainingLimits.l2Max),
    seed: fields.whole('seed', 0, trainingLimits.seedMax),
    standardize: fields.flag('standardize'),
  }
  fields.end()
  return settings
}
