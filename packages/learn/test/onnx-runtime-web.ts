import type { Bytes } from '@cloister/codec'
import type { Runtime, TensorData } from '@cloister/learn'
import { env, InferenceSession, Tensor } from 'onnxruntime-web'

env.wasm.numThreads = 1
env.logLevel = 'fatal'

/** The WASM build of ONNX Runtime, one thread: what a browser runs. */
export const webRuntime: Runtime = {
  load: async (model: Bytes) => {
    const session = await InferenceSession.create(model, { executionProviders: ['wasm'] })
    return {
      run: async (inputs) => {
        const feeds: Record<string, Tensor> = {}
        for (const [name, { type, values, shape }] of Object.entries(inputs))
          feeds[name] =
            type === 'float32' ? new Tensor(type, values, shape) : new Tensor(type, values, shape)
        const outputs: Record<string, TensorData> = {}
        for (const [name, { data, dims }] of Object.entries(await session.run(feeds)))
          if (data instanceof Float32Array)
            outputs[name] = { type: 'float32', shape: dims, values: data.slice() }
        return outputs
      },
      release: () => session.release(),
    }
  },
}
