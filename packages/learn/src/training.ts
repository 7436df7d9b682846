import { assert, MalformedError, OperationError, type Bytes } from '@cloister/codec'
import { epsilonOf, privateSampling, type PrivacySpent } from './accountant.ts'
import { sizeOf } from './autodiff/tensor.ts'
import type { BatchSource } from './batch-source.ts'
import { encodeCheckpoint, parseCheckpoint, planDigest } from './checkpoint.ts'
import { evaluate } from './evaluation.ts'
import type { Parameter } from './model.ts'
import { startOf, type Network } from './network.ts'
import { networkOf } from './networks.ts'
import { fitNormalisation, givenNormalisation, type Normalisation } from './normalisation.ts'
import { initialState } from './optimizer-graph.ts'
import { poissonDraw, privateGrid, type Entropy } from './private-noise.ts'
import type { Runtime, Session, TensorData } from './runtime.ts'
import { stepFeeds, type FeedPlan } from './step-feeds.ts'
import { trainedModel, trainedWeights } from './trained-model.ts'
import { trainingGraph, type TrainingRecipe } from './training-graph.ts'
import type { TrainingPlan } from './training-settings.ts'
import {
  cutBatches,
  plannedRuns,
  readAll,
  stepsPerEpoch,
  type StepPlan,
  type StepRun,
} from './training-steps.ts'

/** What training gives. */
export type Trained = {
  /** The model as ONNX, ready to run on rows as they are in the data. */
  readonly model: Bytes
  /** Its numbers as safetensors. */
  readonly weights: Bytes
  readonly parameters: readonly Parameter[]
  /** Mean loss over the steps of the last epoch. Absent in private training: it would tell of rows. */
  readonly loss: number | undefined
  /** Share of the training labels that the model gets right. Absent where there are none, and in private training. */
  readonly accuracy: number | undefined
  readonly rows: number
  readonly steps: number
  /** What private training spent. */
  readonly privacy: PrivacySpent | undefined
}

/** What a training may be given besides its plan, its rows and a runtime. */
export type TrainingOptions = {
  /** Called as steps are done. */
  readonly onProgress?: (done: number, total: number) => void
  /** The graph that a model of kind `onnx` trains. */
  readonly forward?: Bytes
  /** Needed by private training: draws and noise come from it. */
  readonly entropy?: Entropy
  /** A checkpoint to go on from. */
  readonly resume?: Bytes
  /** Called with a checkpoint after at least so many more steps. */
  readonly checkpoint?: {
    readonly everySteps: number
    readonly keep: (checkpoint: Bytes) => Promise<void>
  }
  /** What to start from instead of what the seed draws. */
  readonly start?: readonly Parameter[]
  /** Fewer steps than the plan has: training ends after them. */
  readonly stepsMax?: number
}

/**
 * Trains a model: normalise, shuffle, step, epoch after epoch. Equal plans, rows and engines give equal bytes, unless the
 * training is private, whose draws and noise are new each time.
 *
 * @throws {MalformedError} where plan and rows do not fit, or the loss stops being a number.
 */
export async function train(
  plan: TrainingPlan,
  source: BatchSource,
  runtime: Runtime,
  options: TrainingOptions = {},
): Promise<Trained> {
  const network = networkOf(plan.model, options.forward)
  checkRows(network, source)
  const normalisation = await normalisationOf(plan, source)
  const setup = await prepare(plan, { network, source, normalisation, options })
  const session = await runtime.load(setup.graph.bytes)
  const state = await runAll(setup, session).finally(() => session.release())

  const own = [...network.parameters, ...network.averages].map(({ name, shape }) => ({
    name,
    shape,
    values: floatsOf(state.tensors, name),
  }))
  const told = plan.privacy
    ? { loss: undefined, accuracy: undefined }
    : {
        loss: state.lossSum / state.lossCount,
        accuracy: (await evaluate(network, { parameters: own, normalisation, source, runtime }))
          .accuracy,
      }
  return {
    model: trainedModel(plan.model, own, { normalisation, forward: options.forward }),
    weights: trainedWeights(plan.model, own, normalisation),
    parameters: own,
    ...told,
    rows: source.rows,
    steps: state.step,
    privacy: setup.privacy?.spent,
  }
}

/** Share of `labels` that `predicted` gets right. */
export function accuracy(predicted: Int32Array, labels: Int32Array): number {
  return predicted.filter((label, row) => label === labels[row]).length / labels.length
}

/**
 * What rows of a plan are brought to; nothing where the plan does not ask for it.
 *
 * @throws {MalformedError} where the plan gives numbers for another count of features.
 */
export async function normalisationOf(
  { model, settings }: TrainingPlan,
  source: BatchSource,
): Promise<Normalisation | undefined> {
  if (settings.normalisation) return givenNormalisation(settings.normalisation, source.width)
  if (!settings.standardize) return undefined
  return fitNormalisation(source, model.kind === 'cnn' ? model.height * model.width : 1)
}

type Tensors = Readonly<Record<string, TensorData>>

type State = {
  readonly tensors: Tensors
  readonly step: number
  readonly lossSum: number
  readonly lossCount: number
}

type Setup = {
  readonly plan: TrainingPlan
  readonly digest: string
  readonly steps: StepPlan
  readonly feeds: FeedPlan
  readonly graph: FeedPlan['graph']
  readonly options: TrainingOptions
  readonly start: State
  readonly privacy:
    | { readonly spent: PrivacySpent; readonly entropy: Entropy; readonly rate: number }
    | undefined
}

async function prepare(
  plan: TrainingPlan,
  given: {
    readonly network: Network
    readonly source: BatchSource
    readonly normalisation: Normalisation | undefined
    readonly options: TrainingOptions
  },
): Promise<Setup> {
  const { network, source, normalisation, options } = given
  const { settings } = plan
  const batch = Math.min(settings.batchSize, source.rows)
  const accumulate = settings.accumulate ?? 1
  const privacy = privacyOf(plan, network, source, options.entropy)
  const recipe: TrainingRecipe = { network, settings, batch, accumulate, ...privacy?.recipe }
  const graph = trainingGraph(recipe)
  const shared = { network, settings, source, batch, accumulate }
  const steps: StepPlan = { ...shared, normalisation, stepsPerRun: stepsPerRun(recipe, graph) }
  const total = privacy ? privacy.spent.steps : settings.epochs * stepsPerEpoch(shared)
  const digest = await planDigest(plan, source.rows)
  const first = [
    ...(options.start ?? startOf(network, settings.seed)),
    ...initialState(network.parameters, settings),
  ]
  checkStart(first, graph.carried)
  const resumed = options.resume && parseCheckpoint(options.resume, digest, first)
  const start = resumed ?? { step: 0, lossSum: 0, lossCount: 0, tensors: first }
  const noise = privacy && {
    deviation: privacy.deviation,
    entropy: privacy.entropy,
    parameters: network.parameters,
  }
  return {
    plan,
    digest,
    steps,
    graph,
    options,
    feeds: { graph, settings, batch, accumulate, total, ...(noise && { privacy: noise }) },
    start: { ...start, tensors: toTensors(start.tensors) },
    privacy: privacy && {
      spent: privacy.spent,
      entropy: privacy.entropy,
      rate: privacy.spent.rate,
    },
  }
}

async function runAll(setup: Setup, session: Session): Promise<State> {
  const { plan, graph, options, feeds } = setup
  const total = feeds.total
  const last = Math.min(total, options.stepsMax ?? total)
  let state = setup.start
  let saved = state.step
  const runs = setup.privacy ? privateRuns(setup, state.step) : plannedRuns(setup.steps, state.step)
  for await (const whole of runs) {
    const run = { ...whole, steps: whole.steps.slice(0, Math.max(0, last - whole.first)) }
    if (run.steps.length === 0) break
    const most = run.steps.reduce((count, batches) => Math.max(count, batches.length), 1)
    const fed = setup.privacy ? { ...feeds, accumulate: most } : feeds
    const outputs = await session.run({
      ...asInputs(state.tensors),
      x: run.window.x,
      y: run.window.y,
      ...stepFeeds(fed, run.first, run.steps),
    })
    state = after(state, run, outputs, graph.carried, feeds.total / plan.settings.epochs)
    checkNumbers(setup, run, outputs, state)
    options.onProgress?.(state.step, last)
    const { checkpoint } = options
    if (checkpoint && state.step - saved >= checkpoint.everySteps && state.step < total) {
      saved = state.step
      await checkpoint.keep(
        encodeCheckpoint({ ...state, tensors: fromTensors(state.tensors) }, setup.digest),
      )
    }
  }
  return state
}

/** Draws rows for one step after another: each row is in each step by chance. */
async function* privateRuns(setup: Setup, from: number): AsyncGenerator<StepRun> {
  const { steps, privacy, feeds } = setup
  assert(privacy !== undefined, 'a private training')
  const window = await readAll(steps)
  for (let first = from; first < feeds.total; first += steps.stepsPerRun) {
    const count = Math.min(steps.stepsPerRun, feeds.total - first)
    const drawn = Array.from({ length: count }, () =>
      cutBatches(poissonDraw(window.rows, privacy.rate, privacy.entropy), steps.batch),
    )
    yield { window, first, epoch: 1, steps: drawn }
  }
}

function after(
  state: State,
  run: StepRun,
  outputs: Tensors,
  carried: readonly string[],
  perEpoch: number,
): State {
  const losses = output(outputs, 'losses').values
  const isNewEpoch = run.first % perEpoch === 0
  const start = isNewEpoch ? { sum: 0, count: 0 } : { sum: state.lossSum, count: state.lossCount }
  let lossSum = start.sum
  for (const loss of losses) lossSum += Number(loss)
  return {
    tensors: Object.fromEntries(carried.map((name) => [name, output(outputs, `next.${name}`)])),
    step: run.first + run.steps.length,
    lossSum,
    lossCount: start.count + run.steps.length,
  }
}

/** In private training only what carries noise is looked at: even that a loss explodes would tell of rows. */
function checkNumbers(setup: Setup, run: StepRun, outputs: Tensors, state: State): void {
  if (setup.privacy) {
    const finite = setup.steps.network.parameters.every(({ name }) =>
      floatsOf(state.tensors, name).every((value) => Number.isFinite(value)),
    )
    if (finite) return
  }
  const losses = Array.from(output(outputs, 'losses').values, Number)
  const bad = losses.findIndex((loss) => !Number.isFinite(loss))
  if (bad < 0 && !setup.privacy) return
  throw new MalformedError(
    'parameters.settings.learningRate',
    0,
    `the loss is no longer a number${setup.privacy ? '' : ` at step ${run.first + bad + 1}`}, choose a lower rate`,
  )
}

function privacyOf(
  plan: TrainingPlan,
  network: Network,
  source: BatchSource,
  entropy: Entropy | undefined,
) {
  const { privacy } = plan
  if (privacy === undefined) return undefined
  if (!network.canBePrivate)
    throw new MalformedError(
      'parameters.privacy',
      0,
      `a model of kind ${plan.model.kind} with these parts can't be trained privately: use logistic, mlp, or cnn without batchNorm`,
    )
  if (entropy === undefined)
    throw new OperationError(
      'no-entropy',
      'Cannot train privately without a source of random bytes: pass one as entropy',
    )
  const spent = epsilonOf(plan, source.rows)
  const { grid, clipNorm, deviation } = privateGrid(privacy.clipNorm, spent.noiseMultiplier)
  const { rate } = privateSampling(plan, source.rows)
  const recipe = { privacy: { grid, clipNorm, expectedRows: rate * source.rows } }
  return { spent, entropy, deviation, recipe }
}

/** Work of one call at most, in multiplications: some seconds. */
const workPerRun = 4e10
const feedBytesMax = 67_108_864

function stepsPerRun(recipe: TrainingRecipe, graph: FeedPlan['graph']): number {
  const { network, batch, accumulate, privacy } = recipe
  const rows = batch * accumulate
  const masks = graph.masks.reduce((sum, { shape }) => sum + sizeOf(shape) * accumulate * 4, 0)
  const noise = privacy
    ? network.parameters.reduce((sum, { shape }) => sum + sizeOf(shape) * 8, 0)
    : 0
  const byWork = workPerRun / (3 * rows * Math.max(1, network.work))
  const byBytes = feedBytesMax / (rows * 12 + masks + noise)
  return Math.max(1, Math.min(64, Math.floor(Math.min(byWork, byBytes))))
}

function checkRows(network: Network, source: BatchSource): void {
  if (source.rows < 1)
    throw new MalformedError('data', 0, 'no rows: an empty cohort trains nothing')
  const [width, targets] = [sizeOf(network.x.shape), sizeOf(network.y.shape)]
  if (source.width !== width)
    throw new MalformedError(
      'parameters.model',
      0,
      `takes ${width} features in a row, the data has ${source.width}`,
    )
  if (source.targets !== targets)
    throw new MalformedError(
      'parameters.model',
      0,
      `gives ${targets} targets for a row, the data has ${source.targets}`,
    )
}

function checkStart(first: readonly Parameter[], carried: readonly string[]): void {
  const names = first.map(({ name }) => name)
  if (names.join('\n') !== carried.join('\n'))
    throw new MalformedError('start', 0, 'other tensors than the model has')
}

function toTensors(parameters: readonly Parameter[]): Tensors {
  return Object.fromEntries(
    parameters.map(({ name, shape, values }): readonly [string, TensorData] => [
      name,
      { type: 'float32', shape, values },
    ]),
  )
}

function asInputs(tensors: Tensors): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, each]) => [`in.${name}`, each]))
}

function fromTensors(tensors: Tensors): readonly Parameter[] {
  return Object.keys(tensors).map((name) => ({
    name,
    shape: output(tensors, name).shape,
    values: floatsOf(tensors, name),
  }))
}

function output(outputs: Tensors, name: string): TensorData {
  const tensor = outputs[name]
  assert(tensor !== undefined, `the graph hands out ${name}`)
  return tensor
}

function floatsOf(tensors: Tensors, name: string): Float32Array {
  const tensor = output(tensors, name)
  assert(tensor.type === 'float32', 'parameters are single-precision numbers')
  return tensor.values
}
