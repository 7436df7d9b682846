import { parseUtf8, type Bytes } from '@cloister/codec'
import { bytesOf, readMessage } from './onnx-scan-message.ts'
import { attributeRules, graphRules, nodeRules, tensorRules } from './onnx-structure-rules.ts'
import type { ProtobufSlice } from './protobuf-reader.ts'

/** A graph, with what some output of the model depends on and nothing else. */
export type LiveGraph = {
  readonly nodes: readonly LiveNode[]
  readonly constants: readonly { readonly name: string; readonly slice: ProtobufSlice }[]
  readonly inputs: readonly LiveValue[]
  readonly outputs: readonly LiveValue[]
}

/** An operator of a graph, and for each of its attributes the graphs inside of it. */
export type LiveNode = {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly operator: Bytes
  readonly domain: Bytes
  readonly attributes: readonly ProtobufSlice[]
  readonly graphs: readonly (readonly LiveGraph[])[]
}

/** What goes into a graph, or comes out of it. */
export type LiveValue = { readonly name: string; readonly type: ProtobufSlice | undefined }

/**
 * Reads a graph that `scanOnnx` took, without the operators and constants that no output needs. Names count in the whole model, as
 * graphs see the names of those around them.
 *
 * @throws {MalformedError} on a name that is no UTF-8, or a value with fields that nobody knows.
 */
export function liveGraph(slice: ProtobufSlice): LiveGraph {
  const whole = readGraph(slice)
  const makers = new Map<string, LiveNode[]>()
  const index = (graph: LiveGraph): void => {
    for (const node of graph.nodes) {
      for (const name of node.outputs) {
        const known = makers.get(name)
        if (known === undefined) makers.set(name, [node])
        else known.push(node)
      }
      for (const inner of node.graphs.flat()) index(inner)
    }
  }
  index(whole)

  const needed = new Set<string>()
  const live = new Set<LiveNode>()
  const open = whole.outputs.map(({ name }) => name)
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (needed.has(name) || name === '') continue
    needed.add(name)
    for (const node of makers.get(name) ?? []) {
      if (live.has(node)) continue
      live.add(node)
      open.push(...node.inputs)
      for (const inner of node.graphs.flat()) open.push(...inner.outputs.map((each) => each.name))
    }
  }
  return prune(whole, needed, live)
}

function prune(
  graph: LiveGraph,
  needed: ReadonlySet<string>,
  live: ReadonlySet<LiveNode>,
): LiveGraph {
  return {
    ...graph,
    constants: graph.constants.filter(({ name }) => needed.has(name)),
    nodes: graph.nodes
      .filter((node) => live.has(node))
      .map((node) => ({
        ...node,
        graphs: node.graphs.map((inside) => inside.map((each) => prune(each, needed, live))),
      })),
  }
}

function readGraph(slice: ProtobufSlice): LiveGraph {
  const graph = readMessage(slice, graphRules)
  return {
    nodes: graph.slices('node').map(readNode),
    constants: graph.slices('initializer').map((tensor) => ({
      name: parseUtf8(bytesOf(readMessage(tensor, tensorRules), 'name'), 'constant name'),
      slice: tensor,
    })),
    inputs: graph.slices('input').map(readValue),
    outputs: graph.slices('output').map(readValue),
  }
}

function readNode(slice: ProtobufSlice): LiveNode {
  const node = readMessage(slice, nodeRules)
  const attributes = node.slices('attribute')
  return {
    inputs: node.slices('input').map(textOf),
    outputs: node.slices('output').map(textOf),
    operator: bytesOf(node, 'operator'),
    domain: bytesOf(node, 'domain'),
    attributes,
    graphs: attributes.map((attribute) => {
      const held = readMessage(attribute, attributeRules)
      return [...held.slices('graph'), ...held.slices('graphs')].map(readGraph)
    }),
  }
}

const valueRules = {
  name: 'value',
  fieldsMax: 64,
  fields: {
    1: { name: 'name', wire: 'bytes' },
    2: { name: 'type', wire: 'bytes' },
    3: { name: 'docString', wire: 'bytes' },
    4: { name: 'metadata', wire: 'bytes', repeated: true },
  },
} as const

function readValue(slice: ProtobufSlice): LiveValue {
  const value = readMessage(slice, valueRules)
  const name = parseUtf8(bytesOf(value, 'name'), 'name')
  return { name, type: value.slices('type')[0] }
}

function textOf({ bytes }: ProtobufSlice): string {
  return parseUtf8(bytes, 'name')
}
