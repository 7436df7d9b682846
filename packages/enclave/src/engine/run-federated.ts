import { encodeUtf8, parseUtf8 } from '@cloister/codec'
import {
  featuresOf,
  flatten,
  givenNormalisation,
  initialParameters,
  parseTrainingPlan,
  trainedModel,
  train,
  unflatten,
  type Normalisation,
  type Parameter,
  type Runtime,
  type TrainingPlan,
} from '@cloister/learn'

import { EngineFailure } from './failure.ts'
import type { FederatedStage } from './federated-stage.ts'
import { bytesToFloats, floatsToBytes } from './floats.ts'
import type { EngineMessage, EngineOutput, EngineRequest } from './messages.ts'
import { openData, single } from './request-inputs.ts'
import type { OnProgress } from './run-app.ts'

/**
 * Does one stage of a federated app. A member's epochs are those of the plan in each round: it trains from the global weights on
 * its own rows, and gives the weights that come of it.
 *
 * @throws {EngineFailure} saying which input is at fault.
 */
export async function runFederatedStage(
  request: EngineRequest,
  stage: FederatedStage,
  runtime: Runtime,
  onProgress: OnProgress,
): Promise<EngineMessage> {
  const parameters = await single(request.inputs, 'parameters')
  const plan = EngineFailure.guard('bad-parameters', parameters.index, () =>
    parseTrainingPlan(parseUtf8(parameters.bytes, 'parameters')),
  )
  requireFederated(plan, parameters.index)
  const start = initialParameters(plan.model, plan.settings.seed)
  if (stage === 'initial') return result({ name: 'weights', bytes: floatsToBytes(flatten(start)) })
  const weights = await readWeights(request, start)
  if (stage === 'update') return update(request, { plan, weights, runtime, onProgress })
  const normalisation = normalisationOf(plan)
  const model = trainedModel(plan.model, weights, { normalisation, forward: undefined })
  return result({ name: request.app.outputs[0]?.name ?? '', bytes: model })
}

async function update(
  request: EngineRequest,
  given: {
    readonly plan: TrainingPlan
    readonly weights: readonly Parameter[]
    readonly runtime: Runtime
    readonly onProgress: OnProgress
  },
): Promise<EngineMessage> {
  const { plan, weights, runtime, onProgress } = given
  const source = await openData(request, plan.model)
  const trained = await EngineFailure.guardAsync('bad-parameters', parametersAt(request), () =>
    train(plan, source, runtime, {
      start: weights,
      entropy: (bytes) => crypto.getRandomValues(bytes),
      onProgress: (done, total) => onProgress((done / total) * 100),
    }),
  )
  return result(
    { name: 'weights', bytes: floatsToBytes(flatten(trained.parameters)) },
    { name: 'rows', bytes: encodeUtf8(`${trained.rows}`) },
  )
}

function parametersAt({ inputs }: EngineRequest): number {
  return inputs.findIndex(({ role }) => role === 'parameters')
}

async function readWeights(
  { inputs }: EngineRequest,
  start: readonly Parameter[],
): Promise<readonly Parameter[]> {
  const { bytes, index } = await single(inputs, 'weights')
  return EngineFailure.guard('bad-request', index, () =>
    unflatten(bytesToFloats(bytes, 'weights'), start),
  )
}

// Each member would see only its own rows: what is to be the same for all has to stand in the plan.
function requireFederated({ settings, model, privacy }: TrainingPlan, index: number): void {
  if (settings.standardize)
    throw refused('standardize needs all rows in one place: give normalisation in the plan', index)
  if (model.kind === 'onnx') throw refused('a graph of one’s own can’t be federated', index)
  if (privacy !== undefined)
    throw refused('private training of single rows can’t be federated: pool the data', index)
}

function normalisationOf({ model, settings }: TrainingPlan): Normalisation | undefined {
  const width = featuresOf(model)
  if (settings.normalisation === undefined || width === undefined) return undefined
  return givenNormalisation(settings.normalisation, width)
}

function refused(detail: string, index: number): EngineFailure {
  return new EngineFailure('bad-parameters', `parameters: ${detail}`, index)
}

function result(...outputs: readonly EngineOutput[]): EngineMessage {
  return { kind: 'result', outputs, metrics: {} }
}
