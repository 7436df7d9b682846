import { MalformedError, parseUtf8, type Bytes } from '@cloister/codec'
import { canonicalNumbers, type AmbiguousNumber } from './canonical-numbers.ts'
import { classesMetadata, gptMetadata } from './inference-graph.ts'
import { liveGraph, type LiveGraph, type LiveNode } from './onnx-live.ts'
import { bytesOf, readMessage, varintOf, type MessageRules } from './onnx-scan-message.ts'
import { scanOnnx } from './onnx-structure.ts'
import { modelRules, tensorRules } from './onnx-structure-rules.ts'
import { protobufFields, protobufVarints, type ProtobufSlice } from './protobuf-reader.ts'
import { ProtobufWriter } from './protobuf-writer.ts'

/**
 * The same ONNX model without what no result of it depends on: producer, versions, doc strings, metadata but Cloister's own, names of
 * operators, hints about shapes, fields inside of types that no reader knows, operators and constants that no output needs; names of
 * tensors in between are counted through, numbers and NaNs are spelled one way. Names of inputs, outputs and constants stay, and so do the
 * order of what there is and every number: those are the model.
 *
 * @throws {MalformedError} as `scanOnnx`, and on types of tensors with fields of their own.
 */
export function canonicalOnnx(bytes: Bytes): Bytes {
  scanOnnx(bytes)
  const model = readMessage({ bytes, offset: 0 }, modelRules)
  const graph = liveGraph(model.slice('graph'))
  const writer = new ProtobufWriter().varint(1, varintOf(model, 'irVersion'))
  writer.message(7, writeGraph(graph, namesOf(graph)))
  for (const opset of model.slices('opset')) writer.bytes(8, canonicalMessage(opset, opsetShape))
  const seen = new Set<string>()
  for (const slice of model.slices('metadata')) {
    const entry = readMessage(slice, entryRules)
    const key = parseUtf8(bytesOf(entry, 'key'), 'metadata key')
    if (seen.has(key) || (key !== classesMetadata && key !== gptMetadata)) continue
    seen.add(key)
    const value = parseUtf8(bytesOf(entry, 'value'), 'metadata value')
    writer.message(14, new ProtobufWriter().text(1, key).text(2, value))
  }
  return writer.finish()
}

const entryRules: MessageRules = {
  name: 'metadata',
  fieldsMax: 2,
  fields: { 1: { name: 'key', wire: 'bytes' }, 2: { name: 'value', wire: 'bytes' } },
}

type Rename = (name: string) => string

/** New names, counted in the order in which tensors first appear, for all that has no name to anybody outside. */
function namesOf(graph: LiveGraph): Rename {
  const kept = new Set(['', ...graph.inputs.map(nameOf), ...graph.outputs.map(nameOf)])
  const keepConstants = (each: LiveGraph): void => {
    for (const { name } of each.constants) kept.add(name)
    for (const node of each.nodes) for (const inner of node.graphs.flat()) keepConstants(inner)
  }
  keepConstants(graph)
  const renamed = new Map<string, string>()
  let next = 0
  return (name) => {
    if (kept.has(name)) return name
    let fresh = renamed.get(name)
    while (fresh === undefined) {
      const candidate = `t${next++}`
      if (!kept.has(candidate)) fresh = candidate
    }
    renamed.set(name, fresh)
    return fresh
  }
}

function writeGraph(graph: LiveGraph, rename: Rename): ProtobufWriter {
  const writer = new ProtobufWriter()
  for (const node of graph.nodes) writer.message(1, writeNode(node, rename))
  writer.text(2, 'graph')
  for (const { name, slice } of graph.constants) writer.message(5, writeTensor(slice, rename(name)))
  for (const input of graph.inputs) writer.message(11, writeValue(input, rename))
  for (const output of graph.outputs) writer.message(12, writeValue(output, rename))
  return writer
}

function writeNode(node: LiveNode, rename: Rename): ProtobufWriter {
  const writer = new ProtobufWriter()
  for (const name of node.inputs) writer.text(1, rename(name))
  for (const name of node.outputs) writer.text(2, rename(name))
  writer.bytes(4, node.operator)
  for (const [index, attribute] of node.attributes.entries()) {
    const part = new ProtobufWriter()
    const graphs = [...(node.graphs[index] ?? [])]
    for (const field of inOrder(attribute)) {
      if (field.wire === 'varint') part.varint(field.number, field.value)
      else if (field.wire === 'fixed') part.fixed32(field.number, single(field))
      else if (field.number === 5 || field.number === 10)
        part.message(field.number, writeTensor({ bytes: field.value, offset: field.offset }, ''))
      else if (field.number === 6 || field.number === 11) {
        const inner = graphs.shift()
        if (inner !== undefined) part.message(field.number, writeGraph(inner, rename))
      } else if (field.number === 8)
        for (const each of protobufVarints(field, 'attribute')) part.varint(8, each)
      else if (field.number !== 13) part.bytes(field.number, field.value)
    }
    writer.message(5, part)
  }
  return node.domain.length === 0 ? writer : writer.bytes(7, node.domain)
}

// Eight bytes in a field of four would be read as fields of their own.
function single({ value, offset }: { readonly value: Bytes; readonly offset: number }): Bytes {
  if (value.length === 4) return value
  throw new MalformedError('attribute', offset, `a number of ${value.length} bytes`)
}

/** Numbers of element types of which some have more spellings than one. Spec: onnx.proto3, TensorProto.DataType. */
const ambiguous: Readonly<Record<string, AmbiguousNumber>> = {
  1: 'F32', 9: 'BOOL', 10: 'F16', 11: 'F64', 14: 'F32', 15: 'F64', 16: 'BF16',
} // prettier-ignore

function writeTensor(slice: ProtobufSlice, name: string): ProtobufWriter {
  const tensor = readMessage(slice, tensorRules)
  const element = varintOf(tensor, 'element')
  const writer = new ProtobufWriter()
  for (const field of tensor.all('shape'))
    for (const length of protobufVarints(field, 'tensor shape')) writer.varint(1, length)
  writer.varint(2, element)
  for (const field of inOrder(slice)) {
    if (field.number === 4 && field.wire === 'bytes')
      writer.bytes(4, canonicalNumbers(field.value, 'F32'))
    else if (field.number === 10 && field.wire === 'bytes')
      writer.bytes(10, canonicalNumbers(field.value, 'F64'))
    else if (field.number === 5 || field.number === 7 || field.number === 11)
      for (const each of protobufVarints(field, 'tensor')) writer.varint(field.number, each)
  }
  if (name !== '') writer.text(8, name)
  const [raw] = tensor.slices('raw')
  if (raw === undefined) return writer
  const type = ambiguous[String(element)]
  return writer.bytes(9, type === undefined ? raw.bytes : canonicalNumbers(raw.bytes, type))
}

type Value = LiveGraph['inputs'][number]

const nameOf = ({ name }: Value): string => name

function writeValue({ name, type }: Value, rename: Rename): ProtobufWriter {
  const writer = new ProtobufWriter().text(1, rename(name))
  return type === undefined ? writer : writer.bytes(2, canonicalMessage(type, typeShape))
}

/** Which fields of a small message are known, and what is inside of them. What is `dropped` is for people. */
type Shape = { readonly [field: number]: 'plain' | 'dropped' | (() => Shape) }

const dimensionShape: Shape = { 1: 'plain', 2: 'plain', 3: 'dropped' }
const tensorShape: Shape = { 1: 'plain', 2: () => ({ 1: () => dimensionShape }) }
const elementShape: Shape = { 1: () => typeShape }
const typeShape: Shape = {
  1: () => tensorShape,
  4: () => elementShape,
  5: () => ({ 1: 'plain', 2: () => typeShape }),
  6: 'dropped',
  9: () => elementShape,
}
const opsetShape: Shape = { 1: 'plain', 2: 'plain' }
const shapeDepthMax = 16

function canonicalMessage(slice: ProtobufSlice, shape: Shape, depth = 0): Bytes {
  if (depth > shapeDepthMax) throw new MalformedError('type', slice.offset, 'types without end')
  const writer = new ProtobufWriter()
  for (const field of inOrder(slice)) {
    const known = shape[field.number]
    if (known === undefined || field.wire === 'fixed')
      throw new MalformedError('type', field.offset, `field ${field.number} is not allowed`)
    if (known === 'dropped') continue
    if (field.wire === 'varint') writer.varint(field.number, field.value)
    else if (known === 'plain') writer.text(field.number, parseUtf8(field.value, 'text'))
    else {
      const inner = { bytes: field.value, offset: field.offset }
      writer.bytes(field.number, canonicalMessage(inner, known(), depth + 1))
    }
  }
  return writer.finish()
}

function inOrder(slice: ProtobufSlice) {
  return [...protobufFields(slice, 'message')].toSorted((a, b) => a.number - b.number)
}
