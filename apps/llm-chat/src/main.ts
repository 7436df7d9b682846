// The app that runs inside the sandbox: a language model behind OpenAI's interface, requests on stdin, answers on stdout.
import { appendFileSync, closeSync, openSync, readSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

import { ggufLimits, scanGguf } from '@cloister/learn'

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
    scanFile(modelPath)
    const addon = await loadLlama(dirname(fileURLToPath(import.meta.url)))
    const created = Math.floor(Date.now() / 1000)
    served = { model: await LlamaModel.open(addon, modelPath), name, created }
  },
  answer: async (request, answer) => {
    if (served === undefined) throw new TypeError('A request came before the start')
    return answerRequest(served, request, answer)
  },
})

// A native parser gets the file next: it is looked through by one of ours before.
function scanFile(path: string): void {
  const { size } = statSync(path)
  const header = new Uint8Array(Math.min(size, ggufLimits.headerBytesMax))
  const file = openSync(path, 'r')
  try {
    readSync(file, header, 0, header.length, 0)
  } finally {
    closeSync(file)
  }
  scanGguf(header, size)
}
