import { MalformedError } from '@cloister/codec'
import { weightWindow } from './autodiff/rules-convolution.ts'
import type { Tensor } from './autodiff/tensor.ts'
import { windowOf } from './autodiff/window.ts'
import { cnnShapes, type CnnBlock, type CnnModel, type CnnShape } from './model-cnn.ts'
import { modelLimits } from './model-limits.ts'
import type { Network, NetworkParameter, Pass } from './network.ts'
import { activate, dense, denseParameters, dropout } from './network-layers.ts'

/**
 * Convolutions, pooling and dense layers one after another, and a last dense layer to the classes.
 *
 * @throws {MalformedError} where blocks do not fit together or make too many parameters.
 */
export function cnnNetwork(model: CnnModel): Network {
  const shapes = cnnShapes(model)
  const blocks = model.blocks.map((block, index) => ({
    block,
    index,
    before: shapes[index] ?? { channels: 0, height: 0, width: 0 },
    after: shapes[index + 1] ?? { channels: 0, height: 0, width: 0 },
  }))
  const end = shapes.at(-1) ?? { channels: 0, height: 0, width: 0 }
  const relu = model.activation === 'relu'
  const parameters = [
    ...blocks.flatMap((each) => blockParameters(each, relu)),
    ...denseParameters(last, numbersIn(end), model.classes.length, false),
  ]
  const size = parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  if (size > modelLimits.parametersMax)
    throw new MalformedError('model', 0, `more than ${modelLimits.parametersMax} parameters`)
  const normalised = blocks.some(({ block }) => block.kind === 'conv' && block.batchNorm)
  return {
    parameters,
    averages: blocks.flatMap(blockAverages),
    x: { element: 'float32', shape: [model.channels * model.height * model.width] },
    y: { element: 'int64', shape: [] },
    loss: 'cross-entropy',
    classes: model.classes.length,
    forward: (pass, x) => {
      const [rows = 1] = x.shape
      const { channels, height, width } = model
      const image = pass.tape.apply('Reshape', [x], {
        shape: { integers: [rows, channels, height, width] },
      })
      const value = blocks.reduce((before, each) => walk(pass, before, model, each), image)
      return dense(pass, flat(pass, value), last)
    },
    mixesRows: normalised,
    canBePrivate: !normalised,
    work: blocks.reduce((sum, each) => sum + workOf(each), numbersIn(end) * model.classes.length),
  }
}

type Place = {
  readonly block: CnnBlock
  readonly index: number
  readonly before: CnnShape
  readonly after: CnnShape
}

const last = { weights: 'weights', bias: 'bias' }

function names(index: number): { readonly weights: string; readonly bias: string } {
  return { weights: `weights${index}`, bias: `bias${index}` }
}

function numbersIn({ channels, height, width }: CnnShape): number {
  return channels * height * width
}

function blockParameters(
  { block, index, before }: Place,
  relu: boolean,
): readonly NetworkParameter[] {
  if (block.kind === 'dense')
    return denseParameters(names(index), numbersIn(before), block.units, relu)
  if (block.kind !== 'conv') return []
  const { filters, kernel } = block
  const [inputs, outputs] = [before.channels * kernel ** 2, filters * kernel ** 2]
  const width = Math.sqrt(6 / (relu ? inputs : inputs + outputs))
  const shape = [filters, before.channels, kernel, kernel]
  const constant = (name: string, value: number): NetworkParameter => ({
    name: `${name}${index}`,
    shape: [filters],
    start: { kind: 'constant', value },
    decayed: false,
  })
  return [
    { name: `weights${index}`, shape, start: { kind: 'uniform', width }, decayed: true },
    constant('bias', 0),
    ...(block.batchNorm ? [constant('scale', 1), constant('shift', 0)] : []),
  ]
}

function blockAverages({ block, index }: Place): readonly NetworkParameter[] {
  if (block.kind !== 'conv' || !block.batchNorm) return []
  return [['mean', 0] as const, ['variance', 1] as const].map(([name, value]) => ({
    name: `${name}${index}`,
    shape: [block.filters],
    start: { kind: 'constant', value },
    decayed: false,
  }))
}

function walk(pass: Pass, x: Tensor, model: CnnModel, { block, index }: Place): Tensor {
  switch (block.kind) {
    case 'conv': {
      const { weights, bias } = names(index)
      const attributes = {
        strides: { integers: [block.stride, block.stride] },
        auto_pad: { text: block.padding === 'same' ? 'SAME_UPPER' : 'VALID' },
      }
      const output = pass.tape.apply('Conv', [x, pass.value(weights), pass.value(bias)], attributes)
      const spatial = x.shape.slice(2)
      const placed = windowOf('Conv', attributes, spatial, [block.kernel, block.kernel])
      const window = weightWindow(placed, spatial)
      pass.layer({ kind: 'conv', input: x, output, weights, bias, window })
      const normal = block.batchNorm ? batchNormalised(pass, output, index) : output
      return activate(pass, normal, model.activation)
    }
    case 'max-pool':
    case 'average-pool': {
      const sides = { integers: [block.size, block.size] }
      const operator = block.kind === 'max-pool' ? 'MaxPool' : 'AveragePool'
      return pass.tape.apply(operator, [x], { kernel_shape: sides, strides: sides })
    }
    case 'global-average-pool':
      return pass.tape.apply('GlobalAveragePool', [x])
    case 'dense':
      return activate(pass, dense(pass, flat(pass, x), names(index)), model.activation)
    case 'dropout':
    default:
      return dropout(pass, x, block.rate)
  }
}

function batchNormalised(pass: Pass, x: Tensor, index: number): Tensor {
  const inputs = ['scale', 'shift', 'mean', 'variance'].map((name) => pass.value(`${name}${index}`))
  const [output, mean, variance] = pass.tape.applyMany('BatchNormalization', [x, ...inputs], {
    training_mode: { integer: pass.training ? 1 : 0 },
  })
  if (mean) pass.average(`mean${index}`, mean)
  if (variance) pass.average(`variance${index}`, variance)
  return output ?? x
}

/** A dense layer after an image sees it as a list. */
function flat(pass: Pass, x: Tensor): Tensor {
  return x.shape.length === 2 ? x : pass.tape.apply('Flatten', [x])
}

function workOf({ block, before, after }: Place): number {
  if (block.kind === 'dense') return numbersIn(before) * block.units
  if (block.kind !== 'conv') return numbersIn(before)
  return numbersIn(after) * before.channels * block.kernel ** 2
}
