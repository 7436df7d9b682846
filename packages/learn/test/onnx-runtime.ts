import type { Bytes } from '@cloister/codec'
import type { Runtime, TensorData } from '@cloister/learn'
import ort from 'onnxruntime-node'

ort.env.logLevel = 'fatal'

/** ONNX Runtime itself, one thread. */
export const runtime: Runtime = {
  load: async (model: Bytes) => {
    const session = await ort.InferenceSession.create(model, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
    })
    return {
      run: async (inputs) => {
        const feeds: Record<string, ort.Tensor> = {}
        for (const [name, tensor] of Object.entries(inputs))
          feeds[name] =
            tensor.type === 'float32'
              ? new ort.Tensor('float32', tensor.values, tensor.shape)
              : new ort.Tensor('int64', tensor.values, tensor.shape)
        const outputs: Record<string, TensorData> = {}
        for (const [name, { data, dims }] of Object.entries(await session.run(feeds)))
          if (data instanceof Float32Array)
            outputs[name] = { type: 'float32', shape: dims, values: data }
        return outputs
      },
      release: () => session.release(),
    }
  },
}

/** A tensor of single-precision numbers. */
export function floats(shape: readonly number[], values: Iterable<number>): TensorData {
  return { type: 'float32', shape, values: Float32Array.from(values) }
}

/** A list of 64-bit whole numbers. */
export function integers(values: readonly number[]): TensorData {
  return { type: 'int64', shape: [values.length], values: BigInt64Array.from(values, BigInt) }
}

/** The numbers of an output. */
export function numbers(outputs: Readonly<Record<string, TensorData>>, name: string): number[] {
  return Array.from(outputs[name]!.values, Number)
}
