import type { Tensor } from './autodiff/tensor.ts'
import type { NetworkParameter, Pass } from './network.ts'

/** Weights and bias of a dense layer: uniform, as wide as He (before relu) or Glorot (else) advise. */
export function denseParameters(
  names: { readonly weights: string; readonly bias: string },
  inputs: number,
  outputs: number,
  beforeRelu: boolean,
): readonly NetworkParameter[] {
  const width = Math.sqrt(6 / (beforeRelu ? inputs : inputs + outputs))
  return [
    {
      name: names.weights,
      shape: [inputs, outputs],
      start: { kind: 'uniform', width },
      decayed: true,
    },
    { name: names.bias, shape: [outputs], start: { kind: 'constant', value: 0 }, decayed: false },
  ]
}

/** `x * weights + bias`. */
export function dense(
  pass: Pass,
  x: Tensor,
  names: { readonly weights: string; readonly bias: string },
): Tensor {
  const product = pass.tape.apply('MatMul', [x, pass.value(names.weights)])
  const output = pass.tape.apply('Add', [product, pass.value(names.bias)])
  pass.layer({ kind: 'dense', input: x, output, ...names })
  return output
}

/** The activation of a model. */
export function activate(pass: Pass, x: Tensor, activation: 'relu' | 'tanh'): Tensor {
  return pass.tape.apply(activation === 'relu' ? 'Relu' : 'Tanh', [x])
}

/** Drops numbers while training, and nothing else. */
export function dropout(pass: Pass, x: Tensor, rate: number): Tensor {
  if (!pass.training || rate === 0) return x
  return pass.tape.apply('Dropout', [x, pass.mask(x.shape, rate)])
}
