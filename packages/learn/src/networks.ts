import { assert, type Bytes } from '@cloister/codec'
import type { ModelDefinition, Parameter } from './model.ts'
import { startOf, type Network } from './network.ts'
import { cnnNetwork } from './network-cnn.ts'
import { gptNetwork } from './network-gpt.ts'
import { onnxNetwork } from './network-onnx.ts'
import { tabularNetwork } from './network-tabular.ts'

/**
 * The network that a definition stands for. `forward` is the requester's graph where the kind is `onnx`.
 *
 * @throws {MalformedError} where the parts of the model do not fit together.
 */
export function networkOf(model: ModelDefinition, forward?: Bytes): Network {
  switch (model.kind) {
    case 'logistic':
    case 'mlp':
      return tabularNetwork(model)
    case 'cnn':
      return cnnNetwork(model)
    case 'gpt':
      return gptNetwork(model)
    case 'onnx':
    default:
      assert(forward !== undefined, 'a model of kind onnx comes with its graph')
      return onnxNetwork(model, forward)
  }
}

/** Tensors to start training from: equal seeds give equal bits on every machine. */
export function initialParameters(
  model: ModelDefinition,
  seed: number,
  forward?: Bytes,
): readonly Parameter[] {
  return startOf(networkOf(model, forward), seed)
}
