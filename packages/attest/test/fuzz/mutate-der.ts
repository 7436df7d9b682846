import { concatBytes, type Bytes } from '@cloister/codec'
import type { Random } from './random.ts'

/** One DER element as a tree: a leaf has its content, the others have members. */
type Node = { readonly tag: number; readonly content: Bytes | readonly Node[] }

const nodesMax = 4000
const depthMax = 24

/** The elements that bytes consist of, where they look like DER worth to be taken apart. */
export function readDer(bytes: Bytes): readonly Node[] | undefined {
  if (bytes.length < 8 || (bytes[0] !== 0x30 && bytes[0] !== 0x31)) return undefined
  return readNodes(bytes, { left: nodesMax }, 0)
}

/** Changes one element somewhere in a tree and writes it again, lengths fitting unless they are what is changed. */
export function mutateDer(
  nodes: readonly Node[],
  random: Random,
  inside: (bytes: Bytes, random: Random) => Bytes,
): Bytes {
  const target = random.below(count(nodes))
  const spoiled = random.once(6) ? random.pick(lengthForms) : undefined
  return writeAll(changeAt(nodes, target, random, inside), { left: target, spoiled })
}

/** Lengths that DER does not have, made of the right one. */
const lengthForms: readonly ((length: number) => readonly number[])[] = [
  () => [0x80],
  () => [0xff],
  (length) => [0x84, 0, 0, length >> 8, length & 0xff],
  (length) => [0x82, (length + 1) >> 8, (length + 1) & 0xff],
  (length) => [0x82, Math.max(0, length - 1) >> 8, Math.max(0, length - 1) & 0xff],
  () => [0x84, 0xff, 0xff, 0xff, 0xff],
  () => [0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  () => [0],
  () => [0x84, 0x7f, 0xff, 0xff, 0xff],
]

type Budget = { left: number }

function readNodes(bytes: Bytes, budget: Budget, depth: number): readonly Node[] | undefined {
  const nodes: Node[] = []
  for (let at = 0; at < bytes.length;) {
    const header = readHeader(bytes, at)
    if (header === undefined || --budget.left < 0) return undefined
    const { tag, start, end } = header
    const raw = bytes.slice(start, end)
    const composed = (tag & 0x20) !== 0 && depth < depthMax
    nodes.push({ tag, content: (composed && readNodes(raw, budget, depth + 1)) || raw })
    at = end
  }
  return nodes
}

function readHeader(
  bytes: Bytes,
  at: number,
): { readonly tag: number; readonly start: number; readonly end: number } | undefined {
  const tag = bytes[at] ?? 0
  const first = bytes[at + 1]
  if (first === undefined || (tag & 0x1f) === 0x1f || first === 0x80 || first > 0x84)
    return undefined
  const octets = first < 0x80 ? 0 : first & 0x7f
  const length =
    octets === 0
      ? first
      : bytes.subarray(at + 2, at + 2 + octets).reduce((value, byte) => value * 256 + byte, 0)
  const start = at + 2 + octets
  return start + length > bytes.length ? undefined : { tag, start, end: start + length }
}

function count(nodes: readonly Node[]): number {
  return nodes.reduce(
    (sum, { content }) => sum + 1 + (content instanceof Uint8Array ? 0 : count(content)),
    0,
  )
}

/** The list with the element of this number, counted in the order of the bytes, changed. */
function changeAt(
  nodes: readonly Node[],
  target: number,
  random: Random,
  inside: (bytes: Bytes, random: Random) => Bytes,
): readonly Node[] {
  let left = target
  for (const [index, node] of nodes.entries()) {
    if (left === 0) return changeMember(nodes, index, random, inside)
    const size = count([node])
    if (left < size && !(node.content instanceof Uint8Array))
      return nodes.with(index, {
        ...node,
        content: changeAt(node.content, left - 1, random, inside),
      })
    left -= size
  }
  return nodes
}

function changeMember(
  nodes: readonly Node[],
  index: number,
  random: Random,
  inside: (bytes: Bytes, random: Random) => Bytes,
): readonly Node[] {
  const node = nodes[index]!
  const other = random.pick(nodes)
  switch (random.below(10)) {
    case 0:
      return nodes.toSpliced(index, 1)
    case 1:
      return nodes.toSpliced(index, 0, node)
    case 2:
      return nodes.with(index, other).with(nodes.indexOf(other), node)
    case 3:
      return nodes.with(index, { ...node, tag: random.pick(tags) })
    case 4:
      return nodes.with(index, nestedIn(node, random.pick([1, 2, 16, 40])))
    case 5:
      return nodes.with(index, { ...node, content: new Uint8Array(0) })
    default:
      return node.content instanceof Uint8Array
        ? nodes.with(index, { ...node, content: inside(node.content, random) })
        : nodes.with(index, { ...node, content: changeMember2(node.content, random, inside) })
  }
}

function changeMember2(
  nodes: readonly Node[],
  random: Random,
  inside: (bytes: Bytes, random: Random) => Bytes,
): readonly Node[] {
  return nodes.length === 0
    ? [{ tag: random.pick(tags), content: random.bytes(2) }]
    : changeMember(nodes, random.below(nodes.length), random, inside)
}

const tags = [1, 2, 3, 4, 5, 6, 0x0a, 0x0c, 0x13, 0x17, 0x18, 0x30, 0x31, 0x80, 0xa0, 0xa3, 0x1f]

function nestedIn(node: Node, depth: number): Node {
  let inner = node
  for (let level = 0; level < depth; level++) inner = { tag: 0x30, content: [inner] }
  return inner
}

type Spoil = {
  left: number
  readonly spoiled: ((length: number) => readonly number[]) | undefined
}

function writeAll(nodes: readonly Node[], spoil: Spoil): Bytes {
  return concatBytes(
    ...nodes.map(({ tag, content }) => {
      const spoiled = spoil.left-- === 0 ? spoil.spoiled : undefined
      const inner = content instanceof Uint8Array ? content : writeAll(content, spoil)
      return concatBytes(
        Uint8Array.of(tag, ...(spoiled?.(inner.length) ?? lengthOctets(inner.length))),
        inner,
      )
    }),
  )
}

function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length]
  if (length < 0x100) return [0x81, length]
  return length < 0x10000
    ? [0x82, length >> 8, length & 0xff]
    : [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]
}
