import { MalformedError, parseJson, type Json } from '@cloister/codec'
import { JsonFields } from './json-fields.ts'
import { parseModelDefinition, type ModelDefinition } from './model.ts'
import { modelLimits } from './model-limits.ts'
import { readPrivacy, type Privacy } from './privacy-settings.ts'
import { readSchedule, type Schedule } from './schedule.ts'

/** What training settings may ask for at most. */
export const trainingLimits = {
  charactersMax: 65_536,
  epochsMax: 10_000,
  batchSizeMax: 65_536,
  learningRateMax: 10,
  l2Max: 10,
  seedMax: 0xffff_ffff,
  stepsMax: 5_000_000,
  accumulateMax: 1024,
  clipNormMax: 1e6,
  weightDecayMax: 10,
} as const

/** How a model is trained. What is absent among the last ones is not done. */
export type TrainingSettings = {
  /** Times that training sees every row. */
  readonly epochs: number
  /** Rows that are worked on at once. */
  readonly batchSize: number
  readonly learningRate: number
  readonly optimizer: 'sgd' | 'adam' | 'adamw'
  /** Weight of half the sum of all squared weights (not biases) in the loss. */
  readonly l2: number
  /** Decides initial weights, the order of rows and what is dropped. */
  readonly seed: number
  /** Whether each feature is first brought to mean 0 and standard deviation 1 over all rows. */
  readonly standardize: boolean
  /** Share of the last change that the next one keeps, for `sgd`. */
  readonly momentum?: number
  /** Whether momentum looks ahead, for `sgd`. */
  readonly nesterov?: boolean
  /** Share of each weight (not bias), times the learning rate, that a step takes away, for `adamw`. */
  readonly weightDecay?: number
  /** Length at most of all gradients together. */
  readonly clipNorm?: number
  /** Batches whose gradients make one step. */
  readonly accumulate?: number
  readonly schedule?: Schedule
  /** What each number of a row is brought to, `(x - mean) * scale`, where `standardize` does not find that out. */
  readonly normalisation?: GivenNormalisation
}

/** One number for all of a row, or one for each number of it. */
export type GivenNormalisation = {
  readonly mean: readonly number[]
  readonly scale: readonly number[]
}

/** What the parameters of a training order hold: the model to train, and how. */
export type TrainingPlan = {
  /** What the requester calls it. Nothing depends on it. */
  readonly name: string | undefined
  readonly model: ModelDefinition
  readonly settings: TrainingSettings
  /** Present where the model may tell only so much about any one row. */
  readonly privacy?: Privacy
}

/**
 * Reads training settings from JSON text. An unknown field is refused.
 *
 * @throws {MalformedError} naming the field; never repeats a value, for settings are sealed.
 */
export function parseTrainingSettings(text: string): TrainingSettings {
  return readSettings(parseJson(text, 'settings', limits), 'settings')
}

/**
 * Reads the parameters of a training order: `{"model": ..., "settings": ..., "name"?: ..., "privacy"?: ...}`.
 *
 * @throws {MalformedError} naming the field; never repeats a value.
 */
export function parseTrainingPlan(text: string): TrainingPlan {
  const fields = new JsonFields(parseJson(text, 'parameters', limits), 'parameters')
  const name = fields.has('name') ? fields.text('name', 200) : undefined
  const model = parseModelDefinition(fields.value('model'), 'parameters.model')
  const settings = readSettings(fields.value('settings'), 'parameters.settings')
  const privacy = fields.has('privacy')
    ? readPrivacy(fields.value('privacy'), 'parameters.privacy')
    : undefined
  fields.end()
  const plan = { name, model, settings, ...(privacy && { privacy }) }
  checkTogether(plan)
  return plan
}

const limits = { charactersMax: trainingLimits.charactersMax, depthMax: 6 }

function readSettings(value: Json, path: string): TrainingSettings {
  const fields = new JsonFields(value, path)
  const optimizer = fields.choice('optimizer', ['sgd', 'adam', 'adamw'])
  const settings: TrainingSettings = {
    epochs: fields.whole('epochs', 1, trainingLimits.epochsMax),
    batchSize: fields.whole('batchSize', 1, trainingLimits.batchSizeMax),
    learningRate: fields.number('learningRate', 1e-9, trainingLimits.learningRateMax),
    optimizer,
    l2: fields.number('l2', 0, trainingLimits.l2Max),
    seed: fields.whole('seed', 0, trainingLimits.seedMax),
    standardize: fields.flag('standardize'),
    ...(optimizer === 'sgd' && readMomentum(fields)),
    ...(optimizer === 'adamw' && {
      weightDecay: fields.number('weightDecay', 0, trainingLimits.weightDecayMax),
    }),
    ...(fields.has('clipNorm') && {
      clipNorm: fields.number('clipNorm', 1e-6, trainingLimits.clipNormMax),
    }),
    ...(fields.has('accumulate') && {
      accumulate: fields.whole('accumulate', 1, trainingLimits.accumulateMax),
    }),
    ...(fields.has('schedule') && {
      schedule: readSchedule(fields.value('schedule'), `${path}.schedule`),
    }),
    ...(fields.has('normalisation') && {
      normalisation: readNormalisation(fields.value('normalisation'), `${path}.normalisation`),
    }),
  }
  fields.end()
  return settings
}

function readMomentum(fields: JsonFields): Pick<TrainingSettings, 'momentum' | 'nesterov'> {
  if (!fields.has('momentum')) return {}
  return {
    momentum: fields.number('momentum', 0.001, 0.9999),
    ...(fields.has('nesterov') && { nesterov: fields.flag('nesterov') }),
  }
}

function readNormalisation(value: Json, path: string): GivenNormalisation {
  const fields = new JsonFields(value, path)
  const size = { min: 1, max: modelLimits.featuresMax }
  const numbers = (name: string) =>
    fields.list(name, size, (item, place) => {
      if (typeof item !== 'number' || !(Math.abs(item) <= 1e30))
        throw new MalformedError(place, 0, 'expected a number within 1e30 of 0')
      return item
    })
  const given = { mean: numbers('mean'), scale: numbers('scale') }
  fields.end()
  return given
}

/** What is right each by itself may still not fit together. */
function checkTogether({ model, settings, privacy }: TrainingPlan): void {
  if (model.kind === 'gpt' && settings.standardize)
    throw new MalformedError('parameters.settings.standardize', 0, 'expected false for a gpt')
  if (settings.normalisation && (settings.standardize || model.kind === 'gpt'))
    throw new MalformedError(
      'parameters.settings.normalisation',
      0,
      'has no place with standardize, nor for a gpt',
    )
  if (privacy === undefined) return
  if (settings.standardize)
    throw new MalformedError(
      'parameters.settings.standardize',
      0,
      'expected false in private training: means and deviations of the rows would leave in the model',
    )
  if ((settings.accumulate ?? 1) !== 1 || settings.clipNorm !== undefined)
    throw new MalformedError(
      'parameters.settings',
      0,
      'accumulate and clipNorm have no place in private training, which clips row by row',
    )
}
