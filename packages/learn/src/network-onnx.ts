import { MalformedError, type Bytes } from '@cloister/codec'
import { listed, sizeOf } from './autodiff/tensor.ts'
import { modelLimits } from './model-limits.ts'
import type { OnnxModel } from './model-onnx.ts'
import type { Network, NetworkParameter, Pass } from './network.ts'
import { readForward, type ForwardGraph } from './onnx-forward.ts'
import { tensorFloats, type ScannedTensor } from './onnx-scan-tensor.ts'
import { outputShape } from './onnx-shapes.ts'
import { walkForward } from './onnx-walk.ts'

/**
 * A requester's own graph: its float constants, or those that the definition names, are trained from where they stand.
 *
 * @throws {MalformedError} naming what the graph holds that can't be trained.
 */
export function onnxNetwork(model: OnnxModel, bytes: Bytes): Network {
  const graph = readForward(bytes)
  // Shapes first: what is wrong with the graph itself is the better reason.
  const output = outputShape(graph, 2)
  const trained = trainable(model, graph)
  const size = trained.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  if (size > modelLimits.parametersMax)
    throw new MalformedError('model', 0, `more than ${modelLimits.parametersMax} parameters`)
  const targets = output.slice(1)
  const classes = model.classes?.length
  if (output[0] !== 2) throw new MalformedError('graph output', 0, 'expected one entry per row')
  if (classes !== undefined && (targets.length !== 1 || targets[0] !== classes))
    throw new MalformedError(
      'graph output',
      0,
      `${listed(targets)} for a row, expected ${classes} classes`,
    )
  return {
    parameters: trained.map(parameterOf),
    averages: [],
    x: { element: 'float32', shape: graph.rowShape },
    y:
      classes === undefined
        ? { element: 'float32', shape: targets }
        : { element: 'int64', shape: [] },
    loss: model.loss,
    classes,
    forward: (pass, x) => walkForward(graph, walkOf(pass, x, trained)),
    // What a foreign graph does across rows is not known: steps that can't be filled are left out.
    mixesRows: true,
    canBePrivate: false,
    work: size * 4,
  }
}

function walkOf(
  pass: Pass,
  x: Parameters<Network['forward']>[1],
  trained: readonly ScannedTensor[],
) {
  const names = new Set(trained.map(({ name }) => name))
  return {
    tape: pass.tape,
    x,
    parameter: (name: string) => (names.has(name) ? pass.value(name) : undefined),
    drop: pass.training
      ? (tensor: typeof x, rate: number) =>
          pass.tape.apply('Dropout', [tensor, pass.mask(tensor.shape, rate)])
      : undefined,
  }
}

function trainable(model: OnnxModel, graph: ForwardGraph): readonly ScannedTensor[] {
  const used = new Set(graph.nodes.flatMap(({ inputs }) => inputs))
  const fixed = fixedConstants(graph)
  const able = graph.constants.filter(
    ({ name, element }) => element === 'float32' && used.has(name) && !fixed.has(name),
  )
  if (model.trainable === undefined) {
    if (able.length === 0 || able.length > modelLimits.trainableMax)
      throw new MalformedError('graph', 0, `${able.length} constants that can be trained`)
    return able
  }
  return model.trainable.map((name, index) => {
    const constant = able.find((each) => each.name === name)
    if (constant === undefined)
      throw new MalformedError(
        `model.trainable[${index}]`,
        0,
        'no float constant of the graph that a gradient reaches',
      )
    return constant
  })
}

/** Constants that are settings and not weights: bounds, ratios, and running averages. */
function fixedConstants(graph: ForwardGraph): ReadonlySet<string> {
  return new Set(
    graph.nodes.flatMap(({ operator, inputs }) => {
      if (operator === 'Clip' || operator === 'Dropout') return inputs.slice(1)
      return operator === 'BatchNormalization' ? inputs.slice(3) : []
    }),
  )
}

function parameterOf(constant: ScannedTensor): NetworkParameter {
  return {
    name: constant.name,
    shape: constant.shape,
    start: { kind: 'given', values: tensorFloats(constant) },
    decayed: constant.shape.length > 1,
  }
}
