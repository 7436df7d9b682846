import { layerWidths, type TabularModel } from './model.ts'
import type { Network } from './network.ts'
import { activate, dense, denseParameters } from './network-layers.ts'

/** Dense layers one after another. */
export function tabularNetwork(model: TabularModel): Network {
  const widths = layerWidths(model)
  const last = widths.length - 2
  const relu = model.kind === 'mlp' && model.activation === 'relu'
  const layers = widths.slice(1).map((outputs, index) => ({
    names: { weights: `weights${index}`, bias: `bias${index}` },
    inputs: widths[index] ?? 0,
    outputs,
  }))
  return {
    parameters: layers.flatMap(({ names, inputs, outputs }, index) =>
      denseParameters(names, inputs, outputs, relu && index < last),
    ),
    averages: [],
    x: { element: 'float32', shape: [model.features] },
    y: { element: 'int64', shape: [] },
    loss: 'cross-entropy',
    classes: model.classes.length,
    forward: (pass, x) =>
      layers.reduce((value, { names }, index) => {
        const sum = dense(pass, value, names)
        if (index === last || model.kind === 'logistic') return sum
        return activate(pass, sum, model.activation)
      }, x),
    mixesRows: false,
    canBePrivate: true,
    work: layers.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0),
  }
}
