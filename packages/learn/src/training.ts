import { assert, MalformedError, type Bytes } from '@cloister/codec'
import { inferenceGraph } from './inference-graph.ts'
import { initialParameters, type Parameter } from './model.ts'
import { fitNormalisation, noNormalisation, normalise } from './normalisation.ts'
import { randomNumbers, shuffle } from './random.ts'
import { predict } from './prediction.ts'
import type { Runtime, Session, TensorData } from './runtime.ts'
import type { Table } from './table.ts'
import { initialState, trainingStepGraph } from './training-graph.ts'
import { trainingLimits, type TrainingPlan } from './training-settings.ts'

/** What training gives. */
export type Trained = {
  /** The classifier, as {@link inferenceGraph} writes it. */
  readonly model: Bytes
  /** Mean loss over the steps of the last epoch. */
  readonly loss: number
  /** Share of the training rows that the classifier gets right. */
  readonly accuracy: number
}

/**
 * Trains a model on a labelled table: normalise, shuffle, step, epoch after epoch. Equal plans, tables and engines
 * give equal bytes.
 *
 * @throws {MalformedError} where plan and table do not fit, or the loss stops being a number.
 */
export async function train(
  plan: TrainingPlan,
  table: Table,
  runtime: Runtime,
  onEpoch: (done: number, total: number) => void,
): Promise<Trained> {
  const { model, settings } = plan
  const { labels } = table
  if (table.features !== model.features || labels === undefined)
    throw new MalformedError('parameters.model.features', 0, 'differs from the columns of the data')
  const batch = Math.min(settings.batchSize, table.rows)
  if (settings.epochs * Math.ceil(table.rows / batch) > trainingLimits.stepsMax)
    throw new MalformedError(
      'parameters.settings.epochs',
      0,
      `more than ${trainingLimits.stepsMax} steps`,
    )

  const normalisation = settings.standardize
    ? fitNormalisation(table)
    : noNormalisation(table.features)
  const rows = { features: table.features, values: normalise(table, normalisation), labels }
  const start = initialParameters(model, settings.seed)
  let tensors = toTensors([...start, ...initialState(start, settings.optimizer)])
  const order = Uint32Array.from(labels.keys())
  const random = randomNumbers(settings.seed, 2)
  const session = await runtime.load(trainingStepGraph(model, settings, batch))
  let loss = Number.NaN
  for (let epoch = 1; epoch <= settings.epochs; epoch++) {
    shuffle(order, random)
    const result = await runEpoch(session, tensors, cutBatches(rows, order, batch))
    tensors = result.tensors
    loss = result.loss
    if (!Number.isFinite(loss))
      throw new MalformedError(
        'parameters.settings.learningRate',
        0,
        'the loss is no longer a number, choose a lower rate',
      )
    onEpoch(epoch, settings.epochs)
  }
  await session.release()

  const parameters = start.map((parameter) => trainedParameter(parameter, tensors))
  const bytes = inferenceGraph(model, parameters, normalisation)
  const predicted = await predict(bytes, table, model.classes.length, runtime)
  return { model: bytes, loss, accuracy: accuracy(predicted.labels, labels) }
}

/** Share of `labels` that `predicted` gets right. */
export function accuracy(predicted: Int32Array, labels: Int32Array): number {
  return predicted.filter((label, row) => label === labels[row]).length / labels.length
}

type Tensors = Readonly<Record<string, TensorData>>
type Rows = {
  readonly features: number
  readonly values: Float32Array
  readonly labels: Int32Array
}

function toTensors(parameters: readonly Parameter[]): Tensors {
  return Object.fromEntries(
    parameters.map(({ name, shape, values }) => [
      name,
      { type: 'float32', shape, values } satisfies TensorData,
    ]),
  )
}

async function runEpoch(
  session: Session,
  tensors: Tensors,
  batches: Iterable<Tensors>,
): Promise<{ readonly tensors: Tensors; readonly loss: number }> {
  const names = Object.keys(tensors)
  let current = tensors
  let sum = 0
  let steps = 0
  for (const batch of batches) {
    const outputs = await session.run({ ...current, ...batch })
    current = Object.fromEntries(names.map((name) => [name, output(outputs, `next_${name}`)]))
    sum += Number(output(outputs, 'loss').values[0])
    steps++
  }
  return { tensors: current, loss: sum / steps }
}

/** Batches of equal size: the last one is filled up with rows that the mask takes out again. */
function* cutBatches(rows: Rows, order: Uint32Array, batch: number): Generator<Tensors> {
  const { features } = rows
  for (let start = 0; start < order.length; start += batch) {
    const x = new Float32Array(batch * features)
    const y = new BigInt64Array(batch)
    const mask = new Float32Array(batch)
    for (const [place, row] of order.subarray(start, start + batch).entries()) {
      x.set(rows.values.subarray(row * features, (row + 1) * features), place * features)
      y[place] = BigInt(rows.labels[row] ?? 0)
      mask[place] = 1
    }
    yield {
      x: { type: 'float32', shape: [batch, features], values: x },
      y: { type: 'int64', shape: [batch], values: y },
      mask: { type: 'float32', shape: [batch], values: mask },
    }
  }
}

function output(outputs: Tensors, name: string): TensorData {
  const tensor = outputs[name]
  assert(tensor !== undefined, `the graph hands out ${name}`)
  return tensor
}

function trainedParameter(parameter: Parameter, tensors: Tensors): Parameter {
  const tensor = output(tensors, parameter.name)
  assert(tensor.type === 'float32', 'parameters are single-precision numbers')
  return { ...parameter, values: tensor.values }
}
