import { MalformedError, type Json } from '@cloister/codec'
import { JsonFields } from './json-fields.ts'
import { modelLimits } from './model-limits.ts'

/** One part of a convolutional network. Convolutions and dense layers end in the model's activation. */
export type CnnBlock =
  | {
      readonly kind: 'conv'
      readonly filters: number
      /** Side of the square kernel. */
      readonly kernel: number
      readonly stride: number
      /** `same` keeps the size at stride 1; `valid` takes only places where the kernel fits. */
      readonly padding: 'same' | 'valid'
      /** Whether batch normalisation comes between convolution and activation. */
      readonly batchNorm: boolean
    }
  | { readonly kind: 'max-pool' | 'average-pool'; readonly size: number }
  | { readonly kind: 'global-average-pool' }
  | { readonly kind: 'dense'; readonly units: number }
  | { readonly kind: 'dropout'; readonly rate: number }

/** A classifier of images. A row holds channel after channel, line after line. */
export type CnnModel = {
  readonly kind: 'cnn'
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly classes: readonly string[]
  readonly activation: 'relu' | 'tanh'
  readonly blocks: readonly CnnBlock[]
}

/** What lies between two blocks: an image, or after a dense or global block a plain list. */
export type CnnShape = {
  readonly channels: number
  readonly height: number
  readonly width: number
}

/**
 * Reads the fields of a `cnn` beside its kind and classes.
 *
 * @throws {MalformedError} naming the field.
 */
export function readCnn(fields: JsonFields, classes: readonly string[], path: string): CnnModel {
  const side = (name: string) => fields.whole(name, 1, modelLimits.imageSideMax)
  const model: CnnModel = {
    kind: 'cnn',
    height: side('height'),
    width: side('width'),
    channels: fields.whole('channels', 1, modelLimits.imageChannelsMax),
    classes,
    activation: fields.choice('activation', ['relu', 'tanh']),
    blocks: fields.list('blocks', { min: 1, max: modelLimits.blocksMax }, readBlock),
  }
  fields.end()
  if (model.height * model.width * model.channels > modelLimits.imageNumbersMax)
    throw new MalformedError(
      path,
      0,
      `an image of more than ${modelLimits.imageNumbersMax} numbers`,
    )
  cnnShapes(model, path)
  return model
}

/**
 * The shape after each block, from the image on.
 *
 * @throws {MalformedError} where a block does not fit what comes before it.
 */
export function cnnShapes(model: CnnModel, path = 'model'): readonly CnnShape[] {
  const { channels, height, width } = model
  const shapes: CnnShape[] = [{ channels, height, width }]
  for (const [index, block] of model.blocks.entries()) {
    const next = shapeAfter(block, shapes.at(-1) ?? shapes[0] ?? model, `${path}.blocks[${index}]`)
    if (next.channels * next.height * next.width > modelLimits.activationsMax)
      throw new MalformedError(`${path}.blocks[${index}]`, 0, 'gives too many numbers')
    shapes.push(next)
  }
  return shapes
}

function shapeAfter(block: CnnBlock, before: CnnShape, path: string): CnnShape {
  const { channels, height, width } = before
  switch (block.kind) {
    case 'conv': {
      const { kernel, stride, filters } = block
      const after = (side: number) =>
        block.padding === 'same'
          ? Math.ceil(side / stride)
          : Math.floor((side - kernel) / stride) + 1
      const [rows, columns] = [after(height), after(width)]
      if (rows < 1 || columns < 1)
        throw new MalformedError(path, 0, `the kernel is larger than ${height} x ${width}`)
      return { channels: filters, height: rows, width: columns }
    }
    case 'max-pool':
    case 'average-pool': {
      const [rows, columns] = [Math.floor(height / block.size), Math.floor(width / block.size)]
      if (rows < 1 || columns < 1)
        throw new MalformedError(path, 0, `the window is larger than ${height} x ${width}`)
      return { channels, height: rows, width: columns }
    }
    case 'global-average-pool':
      return { channels, height: 1, width: 1 }
    case 'dense':
      return { channels: block.units, height: 1, width: 1 }
    case 'dropout':
    default:
      return before
  }
}

function readBlock(item: Json, path: string): CnnBlock {
  const fields = new JsonFields(item, path)
  const kind = fields.choice('kind', [
    'conv', 'max-pool', 'average-pool', 'global-average-pool', 'dense', 'dropout',
  ]) // prettier-ignore
  const block = readFields(fields, kind)
  fields.end()
  return block
}

function readFields(fields: JsonFields, kind: CnnBlock['kind']): CnnBlock {
  switch (kind) {
    case 'conv':
      return {
        kind,
        filters: fields.whole('filters', 1, modelLimits.filtersMax),
        kernel: fields.whole('kernel', 1, modelLimits.kernelMax),
        stride: fields.whole('stride', 1, modelLimits.kernelMax),
        padding: fields.choice('padding', ['same', 'valid']),
        batchNorm: fields.flag('batchNorm'),
      }
    case 'max-pool':
    case 'average-pool':
      return { kind, size: fields.whole('size', 1, modelLimits.kernelMax) }
    case 'global-average-pool':
      return { kind }
    case 'dense':
      return { kind, units: fields.whole('units', 1, modelLimits.hiddenUnitsMax) }
    case 'dropout':
    default:
      return { kind: 'dropout', rate: fields.number('rate', 0.001, 0.9) }
  }
}
