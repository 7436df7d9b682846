import {
  CborTag,
  concatBytes,
  encodeCbor,
  isCborArray,
  isCborMap,
  parseCborPrefix,
  type Bytes,
  type Cbor,
  type CborMap,
} from '@cloister/codec'
import type { Random } from './random.ts'

const limits = { bytesMax: 96 * 1024, depthMax: 32, itemsMax: 20_000, indefinite: true }

/** The item that bytes start with, where they look like a CBOR structure worth to be taken apart. */
export function readCbor(bytes: Bytes): Cbor | undefined {
  if (bytes.length < 2 || (bytes[0] ?? 0) < 0x80) return undefined
  try {
    const { value, size } = parseCborPrefix(bytes, 'mutant', limits)
    const composed = value instanceof CborTag || isCborArray(value) || isCborMap(value)
    return composed && size > bytes.length / 2 ? value : undefined
  } catch {
    return undefined // Not CBOR, or not any more.
  }
}

/**
 * Changes one item somewhere in a tree and writes it again. Byte strings are given to `inside`, which may know what
 * they hold. Now and then the encoding itself is changed: indefinite lengths, needless bytes, reserved heads.
 */
export function mutateCbor(
  value: Cbor,
  random: Random,
  inside: (bytes: Bytes, random: Random) => Bytes,
): Bytes {
  const changed = random.once(8) ? value : changeOne(value, random, inside, 0)
  try {
    const encoded =
      random.once(6) || changed === value ? encodeLoosely(changed, random) : encodeCbor(changed)
    return random.once(6) ? spoilEncoding(encoded, random) : encoded
  } catch (refusal) {
    if (!(refusal instanceof RangeError)) throw refusal
    return spoilEncoding(encodeCbor(value), random) // Half a surrogate pair, or one key twice.
  }
}

type Inside = (bytes: Bytes, random: Random) => Bytes

function changeOne(value: Cbor, random: Random, inside: Inside, depth: number): Cbor {
  if (value instanceof CborTag) {
    if (random.once(6)) return random.once(2) ? value.value : new CborTag(random.bits(), value)
    return new CborTag(value.tag, changeOne(value.value, random, inside, depth + 1))
  }
  if (isCborArray(value)) return changeArray(value, random, inside, depth)
  if (isCborMap(value)) return changeMap(value, random, inside, depth)
  if (value instanceof Uint8Array && !random.once(8)) return inside(value, random)
  return scalar(value, random)
}

function changeArray(
  items: readonly Cbor[],
  random: Random,
  inside: Inside,
  depth: number,
): readonly Cbor[] {
  const at = random.below(items.length)
  switch (items.length === 0 ? 0 : random.below(9)) {
    case 0:
      return [...items, scalar(0, random)]
    case 1:
      return items.toSpliced(at, 1)
    case 2:
      return items.toSpliced(at, 0, items[random.below(items.length)])
    case 3:
      return items.with(at, items[random.below(items.length)])
    case 4:
      return items.with(at, nested(items[at], random))
    default:
      return items.with(at, changeOne(items[at], random, inside, depth + 1))
  }
}

function changeMap(map: CborMap, random: Random, inside: Inside, depth: number): CborMap {
  const entries = [...map]
  const at = random.below(entries.length)
  const [key, item] = entries[at] ?? [0, 0]
  const [otherKey, otherItem] = entries[random.below(entries.length)] ?? [0, 0]
  switch (entries.length === 0 ? 0 : random.below(10)) {
    case 0:
      return new Map([...entries, [random.once(2) ? random.bits() : 'x', scalar(0, random)]])
    case 1:
      return new Map(entries.toSpliced(at, 1))
    case 2:
      return new Map([...entries.toSpliced(at, 1), [changedKey(key, random), item]])
    case 3:
      return new Map([...entries, [key, otherItem], [otherKey, item]])
    case 4:
      return new Map([...entries, [key, nested(item, random)]])
    default:
      return new Map([...entries, [key, changeOne(item, random, inside, depth + 1)]])
  }
}

function changedKey(key: number | bigint | string, random: Random): number | bigint | string {
  if (typeof key === 'string') return random.once(2) ? `${key} ` : key.slice(1)
  return random.once(3) ? String(key) : -BigInt(key) - BigInt(random.below(3))
}

function scalar(value: Cbor, random: Random): Cbor {
  const size = value instanceof Uint8Array ? value.length : 32
  return random.pick<Cbor>([
    0,
    -1,
    random.bits(),
    2 ** 53 - 1,
    -(2n ** 64n),
    2n ** 64n - 1n,
    '',
    'http://arm.com/psa/2.0.0',
    'x'.repeat(random.below(300)),
    new Uint8Array(
      random.pick([0, 1, 31, 32, 33, 48, 64, size - 1, size + 1, 70_000].map(Math.abs)),
    ),
    random.bytes(size),
    true,
    null,
    undefined,
    [],
    new Map(),
  ])
}

function nested(value: Cbor, random: Random): Cbor {
  const depth = random.pick([1, 2, 14, 15, 16, 17, 31, 200])
  let inner = value
  for (let level = 0; level < depth; level++)
    inner = level % 2 === 0 ? [inner] : new CborTag(24, inner)
  return inner
}

/** Writes maps with an entry twice, or out of order: the outermost ones, and those in arrays and tags above. */
function encodeLoosely(value: Cbor, random: Random): Bytes {
  if (value instanceof CborTag)
    return concatBytes(headOf(6, Number(value.tag)), encodeLoosely(value.value, random))
  if (isCborArray(value))
    return concatBytes(headOf(4, value.length), ...value.map((item) => encodeLoosely(item, random)))
  if (!isCborMap(value) || value.size === 0) return encodeCbor(value)
  const entries = [...value].map(([key, item]) => ({
    key: encodeCbor(key),
    item: encodeCbor(item),
  }))
  const [one, other] = [random.pick(entries), random.pick(entries)]
  const twice = { key: one.key, item: random.once(2) ? one.item : other.item }
  const loose = random.once(3)
    ? entries.toReversed()
    : entries.toSpliced(random.below(entries.length + 1), 0, twice)
  return concatBytes(headOf(5, loose.length), ...loose.flatMap(({ key, item }) => [key, item]))
}

function headOf(major: number, argument: number): Bytes {
  const first = major << 5
  return argument < 24
    ? Uint8Array.of(first | argument)
    : Uint8Array.of(first | 25, argument >> 8, argument & 0xff)
}

/** Heads that the deterministic encoding does not have. */
function spoilEncoding(encoded: Bytes, random: Random): Bytes {
  const at = random.once(2) ? 0 : random.below(encoded.length)
  const head = encoded[at] ?? 0
  const { argument, major } = { argument: head & 0x1f, major: head & 0xe0 }
  const heads = [
    [major | 31],
    [major | 28],
    [major | 24, argument],
    [major | 25, 0, argument],
    [major | 27, 0, 0, 0, 0, 0, 0, 0, argument],
    [major | 26, 0xff, 0xff, 0xff, 0xff],
    [major | 27, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0xf9, 0x7e, 0x00],
    [0xff],
  ]
  const ending = random.once(2) ? [0xff] : []
  return Uint8Array.of(
    ...encoded.subarray(0, at),
    ...random.pick(heads),
    ...encoded.subarray(at + 1),
    ...ending,
  )
}
