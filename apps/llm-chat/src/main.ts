// The app that runs inside the sandbox: a language model behind OpenAI's interface, requests on stdin, answers on stdout.
import { appendFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

import { serveSession } from '../../../packages/enclave/src/session/serve-app.ts'
import { loadLlama } from './llama-addon.ts'
import { LlamaModel } from './llama-model.ts'
import { answerRequest, type Served } from './routes.ts'

const modelPath = '/tmp/model.gguf'
const name = 'cloister-llm'

let served: Served | undefined

await serveSession(process.stdin, process.stdout, {
  part: (role, bytes) => {
    if (role === 'model') appendFileSync(modelPath, bytes)
  },
  ready: async () => {
    const addon = await loadLlama(dirname(fileURLToPath(import.meta.url)))
    const created = Math.floor(Date.now() / 1000)
    served = { model: await LlamaModel.open(addon, modelPath), name, created }
  },
  answer: async (request, answer) => {
    if (served === undefined) throw new TypeError('A request came before the start')
    return answerRequest(served, request, answer)
  },
})
