import { encodeUtf8, MalformedError, parseUtf8, type Bytes } from '@cloister/codec'
import {
  encodeInference,
  epsilonOf,
  parseCsv,
  parseTrainingPlan,
  predict,
  scanModel,
  train,
  type AppManifest,
  type Runtime,
  type TrainingPlan,
} from '@cloister/learn'
import { EngineFailure } from './failure.ts'
import { hasHeader, openData, single } from './request-inputs.ts'
import { runFederatedStage } from './run-federated.ts'
import type { EngineMessage, EngineRequest, PrivacySpent } from './messages.ts'

/** Called as work goes on, with a share of it in percent. */
export type OnProgress = (percent: number) => void

/**
 * Runs the app of a request with its inputs.
 *
 * @throws {EngineFailure} saying which input is at fault, in words that hold no value of any input.
 */
export async function runApp(
  request: EngineRequest,
  runtime: Runtime,
  onProgress: OnProgress,
): Promise<EngineMessage> {
  if (request.stage !== undefined)
    return runFederatedStage(request, request.stage, runtime, onProgress)
  return request.app.kind === 'train'
    ? runTraining(request, runtime, onProgress)
    : runInference(request, runtime)
}

async function runTraining(
  { app, inputs, recordsMin, budget }: EngineRequest,
  runtime: Runtime,
  onProgress: OnProgress,
): Promise<EngineMessage> {
  const parameters = await single(inputs, 'parameters')
  const plan = EngineFailure.guard('bad-parameters', parameters.index, () =>
    parseTrainingPlan(parseUtf8(parameters.bytes, 'parameters')),
  )
  const source = await openData({ app, inputs, recordsMin }, plan.model)
  if (budget !== undefined) requireBudget(plan, source.rows, budget)
  const trained = await EngineFailure.guardAsync('bad-parameters', parameters.index, () =>
    train(plan, source, runtime, {
      entropy: (bytes) => crypto.getRandomValues(bytes),
      onProgress: (done, total) => onProgress((done / total) * 100),
    }),
  )
  const figures = { loss: trained.loss, accuracy: trained.accuracy }
  const metrics = Object.entries(figures)
    .filter(([name]) => app.metrics.includes(name))
    .map(([name, value]) => [name, rounded(value)] as const)
  const { privacy } = trained
  const spent =
    budget === undefined || privacy === undefined
      ? undefined
      : { epsilonMicros: BigInt(privacy.epsilonMicros), deltaPicos: BigInt(privacy.deltaPicos) }
  return result(app, trained.model, Object.fromEntries(metrics), spent)
}

// Before the first step: noise that was drawn and not handed out is spent all the same.
function requireBudget(plan: TrainingPlan, rows: number, budget: PrivacySpent): void {
  const wanted = EngineFailure.guard('bad-parameters', 0, () => epsilonOf(plan, rows))
  if (
    BigInt(wanted.epsilonMicros) > budget.epsilonMicros ||
    BigInt(wanted.deltaPicos) > budget.deltaPicos
  )
    throw new EngineFailure('bad-parameters', 'This plan spends more privacy than the order may')
}

/** Private training tells no figures of its rows: an app that promises some can't run such a plan. */
function rounded(figure: number | undefined): number {
  if (figure === undefined)
    throw new EngineFailure('bad-parameters', 'This plan gives no such metric as the app promises')
  return Number(figure.toFixed(4))
}

async function runInference(
  { app, inputs }: EngineRequest,
  runtime: Runtime,
): Promise<EngineMessage> {
  const model = await single(inputs, 'model')
  const record = await single(inputs, 'record')
  const { features, classes } = EngineFailure.guard('bad-model', model.index, () =>
    scanModel(model.bytes),
  )
  const header = hasHeader(app, 'record')
  const table = EngineFailure.guard('bad-record', record.index, () =>
    parseCsv(record.bytes, { header, features, classes: undefined }),
  )
  const prediction = await EngineFailure.guardAsync('bad-model', model.index, () =>
    predict(model.bytes, table, classes.length, guarded(runtime)),
  )
  if (!prediction.probabilities.every((value) => value >= 0 && value <= 1.001))
    throw new EngineFailure(
      'bad-model',
      'The model gives numbers that are no probabilities',
      model.index,
    )
  return result(app, encodeUtf8(encodeInference(classes, prediction)), {})
}

function result(
  app: AppManifest,
  bytes: Bytes,
  metrics: Readonly<Record<string, number>>,
  spent?: PrivacySpent,
): EngineMessage {
  const [output] = app.outputs
  if (output === undefined) throw new MalformedError('manifest.outputs', 0, 'no output')
  if (bytes.length > output.bytesMax)
    throw new EngineFailure(
      'output-too-large',
      `Output ${output.name} is larger than ${output.bytesMax} bytes`,
    )
  return { kind: 'result', outputs: [{ name: output.name, bytes }], metrics, spent }
}

/** A runtime that says of a model that it refuses, and of no more: its own words could hold names from the model. */
function guarded(runtime: Runtime): Runtime {
  return {
    load: async (model) => {
      const session = await runtime.load(model).catch(refuse)
      return { ...session, run: (inputs) => session.run(inputs).catch(refuse) }
    },
  }
}

function refuse(cause: unknown): never {
  throw new MalformedError('model', 0, 'ONNX Runtime refuses it', { cause })
}
