import { assert, type Bytes } from '@cloister/codec'
import { inferenceGraph, languageGraph } from './inference-graph.ts'
import type { ModelDefinition, Parameter } from './model.ts'
import { noNormalisation, type Normalisation } from './normalisation.ts'
import { withInitializers } from './onnx-forward.ts'
import { encodeSafetensors } from './safetensors.ts'

/** The trained model as ONNX: normalisation is inside, and the graph of a requester keeps its form. */
export function trainedModel(
  model: ModelDefinition,
  parameters: readonly Parameter[],
  given: { readonly normalisation: Normalisation | undefined; readonly forward: Bytes | undefined },
): Bytes {
  switch (model.kind) {
    case 'logistic':
    case 'mlp':
      return inferenceGraph(
        model,
        parameters,
        given.normalisation ?? noNormalisation(model.features),
      )
    case 'cnn': {
      const features = model.channels * model.height * model.width
      return inferenceGraph(model, parameters, given.normalisation ?? noNormalisation(features))
    }
    case 'gpt':
      return languageGraph(model, parameters)
    case 'onnx':
    default:
      assert(given.forward !== undefined, 'a model of kind onnx comes with its graph')
      return withInitializers(given.forward, parameters)
  }
}

/** The trained numbers as safetensors: parameters, and what rows are brought to before. The definition is in the metadata. */
export function trainedWeights(
  model: ModelDefinition,
  parameters: readonly Parameter[],
  normalisation: Normalisation | undefined,
): Bytes {
  const scales = Object.entries(normalisation ?? {}).map(([name, values]) => ({
    name: `normalisation.${name}`,
    shape: [values.length],
    values: Float32Array.from(values),
  }))
  const metadata = { format: 'cloister-weights/1', model: JSON.stringify(model) }
  return encodeSafetensors([...parameters, ...scales], metadata)
}
