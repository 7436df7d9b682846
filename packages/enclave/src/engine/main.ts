// The program that runs inside the sandbox: one request on stdin, messages on stdout. It has no keys and no network.
import { onnxRuntime } from './onnx-runtime.ts'
import { serveOne } from './serve.ts'

const succeeded = await serveOne({
  input: process.stdin,
  output: process.stdout,
  runtime: onnxRuntime,
  clock: () => performance.now(),
})
process.exitCode = succeeded ? 0 : 1
