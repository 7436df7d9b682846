// Training against PyTorch at one thread: same rows, same first weights, same batches, rounds that take turns. Losses are compared.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  initialParameters,
  tableSource,
  textSource,
  memoryRanges,
  train,
  type BatchSource,
  type ModelDefinition,
  type TrainingSettings,
} from '@cloister/learn'
import { epochRandom } from '../src/data-window.ts'
import { randomNumbers, shuffle } from '../src/random.ts'
import { runtime } from './onnx-runtime.ts'

const rounds = 3
const python = '/usr/bin/python3'

type Job = {
  readonly name: string
  readonly model: ModelDefinition
  readonly source: BatchSource
  readonly settings: TrainingSettings
}

const classes = Array.from({ length: 10 }, (_, index) => `c${index}`)
const base = { l2: 0, seed: 1, standardize: false } as const
const jobs: readonly Job[] = [
  {
    name: 'mlp',
    model: { kind: 'mlp', features: 784, classes, hidden: [128], activation: 'relu' },
    source: clusters(10_000, 784, 10),
    settings: { ...base, epochs: 4, batchSize: 64, learningRate: 0.1, optimizer: 'sgd' },
  },
  {
    name: 'logistic',
    model: { kind: 'logistic', features: 50, classes: ['no', 'yes'] },
    source: clusters(100_000, 50, 2),
    settings: { ...base, epochs: 4, batchSize: 256, learningRate: 0.5, optimizer: 'sgd' },
  },
  {
    name: 'cnn',
    model: {
      kind: 'cnn', height: 28, width: 28, channels: 1, classes, activation: 'relu',
      blocks: [
        { kind: 'conv', filters: 8, kernel: 3, stride: 1, padding: 'valid', batchNorm: false },
        { kind: 'max-pool', size: 2 },
        { kind: 'conv', filters: 16, kernel: 3, stride: 1, padding: 'valid', batchNorm: false },
        { kind: 'max-pool', size: 2 },
      ],
    },
    source: clusters(4_000, 784, 10),
    settings: { ...base, epochs: 3, batchSize: 64, learningRate: 0.02, optimizer: 'sgd' },
  },
  {
    name: 'gpt',
    model: { kind: 'gpt', vocabulary: 256, layers: 2, heads: 4, width: 128, context: 64, tied: true, dropout: 0 },
    source: textSource(memoryRanges(prose(16 * 64 * 10 + 1)), 64),
    settings: { ...base, epochs: 5, batchSize: 16, learningRate: 1e-3, optimizer: 'adam' },
  },
] // prettier-ignore

const found = spawnSync(python, ['-c', 'import torch'], { encoding: 'utf8' })
if (found.status !== 0) {
  console.log('SKIPPED: no PyTorch here, install python3-torch and libopenblas0-pthread')
  console.log(JSON.stringify({ skipped: true }))
  process.exit(0)
}

const results: Record<string, unknown> = {}
const wanted = process.argv.slice(2)
for (const job of jobs.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const folder = await writeJob(job)
  const ours = { seconds: Infinity, losses: [0] }
  const theirs = { seconds: Infinity, losses: [0], version: '' }
  for (let round = 0; round < rounds; round++) {
    const own = await trainHere(job)
    ours.seconds = Math.min(ours.seconds, own.seconds)
    ours.losses = own.losses
    const { stdout, stderr, status } = spawnSync(
      python,
      [fileURLToPath(new URL('torch-bench.py', import.meta.url)), folder],
      { encoding: 'utf8' },
    )
    if (status !== 0) throw new Error(stderr)
    const { secondsPerStep, losses, version } = JSON.parse(stdout)
    theirs.seconds = Math.min(theirs.seconds, secondsPerStep)
    theirs.losses = losses
    theirs.version = version
  }
  rmSync(folder, { recursive: true })
  const apart = Math.max(
    ...ours.losses.map((loss, epoch) => Math.abs(loss - theirs.losses[epoch]!)),
  )
  results[job.name] = ours.seconds / theirs.seconds
  results[`${job.name}LossesApart`] = apart
  results['torch'] = theirs.version
  console.log(
    `${job.name}: ${(ours.seconds * 1e3).toFixed(3)} ms a step, torch ${theirs.version} ${(theirs.seconds * 1e3).toFixed(3)} ms, ratio ${(ours.seconds / theirs.seconds).toFixed(2)}; losses at most ${apart.toExponential(1)} apart (${ours.losses.map((loss) => loss.toFixed(4)).join(' ')})`,
  )
}
console.log(JSON.stringify(results))

/** Best time of a step over the epochs, and the mean loss of each epoch. */
async function trainHere({ model, source, settings }: Job) {
  const perEpoch = Math.ceil(source.rows / settings.batchSize)
  const times: number[] = []
  let [last, done] = [0, 0]
  await train({ name: undefined, model, settings }, source, runtime, {
    onProgress: (steps) => {
      const now = performance.now()
      // The first call of all is warm-up and has no start; the others of an epoch are added up.
      if (last > 0)
        times[Math.floor((steps - 1) / perEpoch)] =
          (times[Math.floor((steps - 1) / perEpoch)] ?? 0) + now - last
      ;[last, done] = [now, steps]
    },
  })
  if (done !== perEpoch * settings.epochs) throw new Error('steps are missing')
  const losses: number[] = []
  for (let epochs = 1; epochs <= settings.epochs; epochs++) {
    const plan = { name: undefined, model, settings }
    losses.push((await train(plan, source, runtime, { stepsMax: epochs * perEpoch })).loss ?? 0)
  }
  return { seconds: Math.min(...times.slice(1)) / 1e3 / perEpoch, losses }
}

async function writeJob({ model, source, settings }: Job): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'torch-bench-'))
  const { x, y } = await source.read(0, source.rows)
  const isText = model.kind === 'gpt'
  const parameters = initialParameters(model, settings.seed)
  const put = (name: string, values: { readonly buffer: ArrayBufferLike }) =>
    writeFileSync(join(folder, name), new Uint8Array(values.buffer))
  put('x', isText ? BigInt64Array.from(x, BigInt) : Float32Array.from(x))
  put('y', BigInt64Array.from(y, BigInt))
  for (const { name, values } of parameters) put(`parameter.${name}`, values.slice())
  const order = new Int32Array(settings.epochs * source.rows)
  for (let epoch = 1; epoch <= settings.epochs; epoch++) {
    const random = epochRandom(settings.seed, epoch)
    shuffle(Uint32Array.of(0), random)
    const rows = Uint32Array.from({ length: source.rows }, (_, row) => row)
    shuffle(rows, random)
    order.set(rows, (epoch - 1) * source.rows)
  }
  put('order', order)
  writeFileSync(
    join(folder, 'job.json'),
    JSON.stringify({
      kind: model.kind,
      epochs: settings.epochs,
      batch: settings.batchSize,
      rate: settings.learningRate,
      optimizer: settings.optimizer,
      x: [source.rows, source.width],
      y: isText ? [source.rows, source.targets] : [source.rows],
      parameters: parameters.map(({ name, shape }) => [name, shape]),
      layers: isText ? model.layers : 0,
      width: isText ? model.width : 0,
      heads: isText ? model.heads : 0,
    }),
  )
  return folder
}

/** Rows around one centre for each class, with noise. */
function clusters(rows: number, features: number, count: number): BatchSource {
  const random = randomNumbers(7, 9)
  const centres = Float64Array.from({ length: count * features }, () => random() - 0.5)
  const labels = Int32Array.from({ length: rows }, () => Math.floor(random() * count))
  const values = Float64Array.from({ length: rows * features }, (_, index) => {
    const label = labels[Math.floor(index / features)]!
    return Math.fround(centres[label * features + (index % features)]! + (random() - 0.5) * 3)
  })
  return tableSource({ features, rows, values, labels })
}

/** Text with something to learn: words of a small vocabulary. */
function prose(bytes: number): Uint8Array<ArrayBuffer> {
  const random = randomNumbers(11, 9)
  const words = [
    'the ',
    'owner ',
    'of ',
    'data ',
    'seals ',
    'it ',
    'once ',
    'and ',
    'grants ',
    'use. ',
  ]
  let text = ''
  while (text.length < bytes) text += words[Math.floor(random() * words.length)]
  return new Uint8Array(Buffer.from(text.slice(0, bytes)))
}
