import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import {
  accuracy,
  networkOf,
  normalisationOf,
  evaluate,
  parseTrainingPlan,
  predict,
  scanModel,
  tableSource,
  train,
  type Table,
} from '@cloister/learn'
import { runtime } from './onnx-runtime.ts'

const text = gunzipSync(
  await readFile(new URL('../../../apps/image-train/data/digits.csv.gz', import.meta.url)),
).toString()
const lines = text.trimEnd().split('\n').map((line) => line.split(',').map(Number)) // prettier-ignore

/** Every fifth image is held out. */
function images(heldOut: boolean): Table {
  const rows = lines.filter((_, index) => (index % 5 === 4) === heldOut)
  return {
    features: 64,
    rows: rows.length,
    values: Float64Array.from(rows.flatMap((row) => row.slice(0, 64))),
    labels: Int32Array.from(rows, (row) => row[64]!),
  }
}

const plan = (privacy?: object, settings: object = {}) =>
  parseTrainingPlan(
    JSON.stringify({
      model: {
        kind: 'cnn', height: 8, width: 8, channels: 1, activation: 'relu',
        classes: Array.from({ length: 10 }, (_, digit) => String(digit)),
        blocks: [
          { kind: 'conv', filters: 16, kernel: 3, stride: 1, padding: 'same', batchNorm: false },
          { kind: 'max-pool', size: 2 },
          { kind: 'conv', filters: 32, kernel: 3, stride: 1, padding: 'same', batchNorm: false },
          { kind: 'max-pool', size: 2 },
          { kind: 'dense', units: 64 },
        ],
      },
      settings: {
        epochs: 12, batchSize: 32, learningRate: 0.003, optimizer: 'adam', l2: 0, seed: 1, standardize: false,
        normalisation: { mean: [8], scale: [0.125] },
        schedule: { kind: 'cosine', warmupSteps: 20, floor: 0.05 },
        ...settings,
      },
      ...(privacy && { privacy }),
    }),
  ) // prettier-ignore

test('a network of two convolutions reads at least 97 of 100 digits that it never saw', async () => {
  const [training, heldOut] = [images(false), images(true)]
  const trained = await train(plan(), tableSource(training), runtime)
  const { features, classes } = scanModel(trained.model)
  expect([features, classes.length]).toEqual([64, 10])
  const { labels } = await predict(trained.model, heldOut, 10, runtime)
  expect(accuracy(labels, heldOut.labels!)).toBeGreaterThanOrEqual(0.97)
  expect(trained.accuracy).toBeGreaterThan(0.99)
  const normalisation = await normalisationOf(plan(), tableSource(training))
  const parameters = trained.parameters
  const source = tableSource(heldOut)
  const evaluated = await evaluate(networkOf(plan().model), {
    parameters,
    normalisation,
    source,
    runtime,
  })
  expect(evaluated.accuracy).toBeCloseTo(accuracy(labels, heldOut.labels!), 6)
  console.log(`digits: ${evaluated.accuracy} of held-out images, loss ${evaluated.loss}`)
})

test('the same network, trained privately, is worse and not useless', async () => {
  const [training, heldOut] = [images(false), images(true)]
  const settings = { epochs: 30, batchSize: 256, learningRate: 0.01, schedule: undefined }
  const privacy = { clipNorm: 1, deltaPicos: 10_000_000, epsilonMicros: 8_000_000 }
  const trained = await train(plan(privacy, settings), tableSource(training), runtime, {
    entropy: (bytes) => crypto.getRandomValues(bytes),
  })
  const { labels } = await predict(trained.model, heldOut, 10, runtime)
  const right = accuracy(labels, heldOut.labels!)
  console.log(
    `digits, epsilon ${trained.privacy!.epsilonMicros / 1e6}: ${right} of held-out images`,
  )
  expect(right).toBeGreaterThan(0.7)
})
