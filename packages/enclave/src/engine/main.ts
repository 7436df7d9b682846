// The program that runs inside the sandbox: one request on stdin, messages on stdout; or, told `session`, many requests. It has no keys
// and no network.
import { onnxRuntime } from './onnx-runtime.ts'
import { serveInference } from './serve-session.ts'
import { serveOne } from './serve.ts'

if (process.argv[2] === 'session')
  await serveInference({ input: process.stdin, output: process.stdout, runtime: onnxRuntime })
else {
  const succeeded = await serveOne({
    input: process.stdin,
    output: process.stdout,
    runtime: onnxRuntime,
    clock: () => performance.now(),
  })
  process.exitCode = succeeded ? 0 : 1
}
