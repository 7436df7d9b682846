// The app that runs inside the sandbox: a language model behind OpenAI's interface, requests on stdin, answers on stdout.
import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

import { loadLlama } from './llama-addon.ts'
import { LlamaModel } from './llama-model.ts'
import { answerRequest, type Served } from './routes.ts'
import { serveSession } from './session-pipe.ts'

const modelPath = '/tmp/model.gguf'
const name = 'cloister-llm'

let served: Served | undefined

await serveSession(process.stdin, process.stdout, {
  start: async (inputs) => {
    const model = inputs.find(({ role }) => role === 'model')
    if (model === undefined) throw new TypeError('There is no input of role model')
    writeFileSync(modelPath, model.bytes)
    const addon = await loadLlama(dirname(fileURLToPath(import.meta.url)))
    const created = Math.floor(Date.now() / 1000)
    served = { model: await LlamaModel.open(addon, modelPath), name, created }
  },
  answer: async (request, answer) => {
    if (served === undefined) throw new TypeError('A request came before the start')
    return answerRequest(served, request, answer)
  },
})
