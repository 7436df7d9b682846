import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { encodeUtf8, type Bytes } from '@cloister/codec'
import { onnxRuntime } from '@cloister/enclave'
import { encodeGguf, memoryRanges, parseTrainingPlan, textSource, train } from '@cloister/learn'

const docs = fileURLToPath(import.meta.resolve('../../../../docs'))
const textBytesMax = 200_000
const shape = { layers: 2, heads: 4, width: 96, context: 256 }

const plan = {
  model: { kind: 'gpt', vocabulary: 256, ...shape, tied: false, dropout: 0 },
  settings: {
    ...{ epochs: 3, batchSize: 8, learningRate: 0.003, optimizer: 'adam', l2: 0, seed: 1 },
    ...{ standardize: false, schedule: { kind: 'cosine', floor: 0.05, warmupSteps: 20 } },
  },
}

/** A small language model that was trained a moment ago, as a GGUF file. */
export type TrainedLanguageModel = {
  readonly gguf: Bytes
  /** Mean loss of its last epoch, in nats for each byte. */
  readonly loss: number
  readonly bytesOfText: number
}

/**
 * Trains a byte-level model of some hundred thousand parameters on this project's own documentation: real text, at hand, and free. It
 * writes what looks like words; it knows nothing.
 */
export async function trainLanguageModel(): Promise<TrainedLanguageModel> {
  const text = encodeUtf8(readText())
  const parsed = parseTrainingPlan(JSON.stringify(plan))
  if (parsed.model.kind !== 'gpt') throw new RangeError('The plan is one of a language model')
  const source = textSource(memoryRanges(text), parsed.model.context)
  const { parameters, loss = Number.NaN } = await train(parsed, source, await onnxRuntime())
  const gguf = encodeGguf(parsed.model, parameters, 'cloister-docs')
  return { gguf, loss, bytesOfText: text.length }
}

function readText(): string {
  const names = readdirSync(docs).filter((name) => name.endsWith('.md'))
  const text = names.toSorted().map((name) => readFileSync(`${docs}/${name}`, 'utf8'))
  return text
    .join('\n')
    .replaceAll(/[^\n\x20-\x7E]/g, '')
    .slice(0, textBytesMax)
}
