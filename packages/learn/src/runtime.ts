import type { Bytes } from '@cloister/codec'

/** A tensor that goes into or comes out of a model. */
export type TensorData =
  | { readonly type: 'float32'; readonly shape: readonly number[]; readonly values: Float32Array }
  | { readonly type: 'int64'; readonly shape: readonly number[]; readonly values: BigInt64Array }

/** A model that is ready to run. */
export type Session = {
  readonly run: (
    inputs: Readonly<Record<string, TensorData>>,
  ) => Promise<Readonly<Record<string, TensorData>>>
  readonly release: () => Promise<void>
}

/** Whatever runs ONNX models: ONNX Runtime in an enclave, its WASM build elsewhere. */
export type Runtime = { readonly load: (model: Bytes) => Promise<Session> }
