import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import {
  encodeGguf,
  generate,
  initialParameters,
  memoryRanges,
  scanGguf,
  textSource,
  train,
  type TrainingPlan,
} from '@cloister/learn'
import { loadLlama } from '../../../apps/llm-chat/src/llama-addon.ts'
import { LlamaModel } from '../../../apps/llm-chat/src/llama-model.ts'
import { runtime } from './onnx-runtime.ts'

const model = {
  kind: 'gpt',
  vocabulary: 256,
  layers: 2,
  heads: 2,
  width: 32,
  context: 48,
  dropout: 0,
} as const
const encode = (text: string) => [...new TextEncoder().encode(text)]
const bins = fileURLToPath(
  new URL('../../../node_modules/@node-llama-cpp/linux-x64/bins/linux-x64', import.meta.url),
)
const missing = !existsSync(join(bins, 'llama-addon.node'))
if (missing) console.warn('SKIPPED: no llama.cpp here, install @node-llama-cpp/linux-x64')

test.skipIf(missing).for([true, false])(
  'llama.cpp says what our own graph says (tied: %s)',
  async (tied) => {
    const text = Uint8Array.from(
      encode('grant precisely, seal once, leak nothing: say it again. '.repeat(20)),
    )
    const plan: TrainingPlan = {
    name: undefined,
    model: { ...model, tied },
    settings: { epochs: 50, batchSize: 8, learningRate: 0.01, optimizer: 'adam', l2: 0, seed: 3, standardize: false },
  } // prettier-ignore
    const trained = await train(plan, textSource(memoryRanges(text), 48), runtime)
    const folder = await mkdtemp(join(tmpdir(), 'gguf-'))
    const path = join(folder, 'model.gguf')
    await writeFile(path, encodeGguf({ ...model, tied }, trained.parameters, 'test'))
    const llama = await LlamaModel.open(await loadLlama(bins), path)
    for (const start of ['grant pre', 'seal on', 'xyz']) {
      const prompt = encode(start)
      expect(llama.tokenize(start, false)).toEqual(prompt)
      const settings = { context: 48, vocabulary: 256, tokens: 20, temperature: 0, seed: 1 }
      const ours = await generate(trained.model, prompt, settings, runtime)
      let theirs = ''
      const sampling = { temperature: 0, topP: 1, seed: 1, stops: [], tokensMax: 20 }
      for await (const piece of llama.generate(prompt, sampling, () => false))
        if (piece.kind === 'text') theirs += piece.text
      expect(theirs).toBe(new TextDecoder().decode(Uint8Array.from(ours)))
    }
    await rm(folder, { recursive: true })
  },
)

test('what is written passes the scan of files from outside, and only bytes have a tokenizer', () => {
  const parameters = initialParameters({ ...model, tied: true }, 1)
  const bytes = encodeGguf({ ...model, tied: true }, parameters, 'test')
  expect(scanGguf(bytes)).toMatchObject({
    version: 3,
    architecture: 'gpt2',
    tensors: parameters.length + 1,
  })
  expect(() => encodeGguf({ ...model, vocabulary: 300, tied: true }, parameters, 'test')).toThrow(
    'vocabulary',
  )
})
