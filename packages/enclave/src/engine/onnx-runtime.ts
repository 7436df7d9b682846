import { assert, type Bytes } from '@cloister/codec'
import type { Runtime, Session, TensorData } from '@cloister/learn'

type Ort = typeof import('onnxruntime-node')

/**
 * ONNX Runtime as learn wants it: one thread, no log, no telemetry.
 *
 * The native library reads its environment when it is loaded: so it is loaded here and not by an import statement.
 */
export async function onnxRuntime(): Promise<Runtime> {
  process.env['ORT_DISABLE_TELEMETRY'] = '1'
  const { default: ort } = await import('onnxruntime-node')
  ort.env.logLevel = 'fatal'
  return { load: (model) => load(ort, model) }
}

async function load(ort: Ort, model: Bytes): Promise<Session> {
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 4,
  })
  return {
    run: async (inputs) => {
      const feeds = Object.entries(inputs).map(([name, tensor]) => [name, toOrt(ort, tensor)])
      const outputs = await session.run(Object.fromEntries(feeds))
      return Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => [name, fromOrt(tensor)]),
      )
    },
    release: () => session.release(),
  }
}

function toOrt(ort: Ort, tensor: TensorData): InstanceType<Ort['Tensor']> {
  return tensor.type === 'float32'
    ? new ort.Tensor('float32', tensor.values, tensor.shape)
    : new ort.Tensor('int64', tensor.values, tensor.shape)
}

function fromOrt(tensor: InstanceType<Ort['Tensor']>): TensorData {
  const { data, dims } = tensor
  if (data instanceof Float32Array) return { type: 'float32', shape: dims, values: data }
  assert(data instanceof BigInt64Array, 'graphs hand out float32 and int64')
  return { type: 'int64', shape: dims, values: data }
}
