import { concatBytes, type Bytes } from '@cloister/codec'
import type { Random } from './random.ts'

/** A number or block in a binary format, which a mutator may aim at. */
export type Field = {
  readonly offset: number
  readonly size: number
  /** Numbers of 1 to 8 bytes are set to values at edges; blocks are swapped, copied and blanked. */
  readonly kind: 'little' | 'big' | 'block'
}

/** Most bytes that a mutant grows to: past every bound on evidence, so that the bound itself is tried. */
export const mutantBytesMax = 80 * 1024

type Op = (bytes: Bytes, random: Random, donor: Bytes) => Bytes

/** Changes bytes without knowing what they are. */
export function mutateRaw(bytes: Bytes, random: Random, donor: Bytes = bytes): Bytes {
  const changed = random.pick(rawOps)(bytes.slice(), random, donor)
  return changed.length > mutantBytesMax ? changed.slice(0, mutantBytesMax) : changed
}

/** Changes one of the fields that bytes are known to have. */
export function mutateField(
  bytes: Bytes,
  fields: readonly Field[],
  random: Random,
  donor: Bytes,
): Bytes {
  const changed = bytes.slice()
  const field = random.pick(fields)
  const end = Math.min(field.offset + field.size, changed.length)
  if (field.offset >= end) return mutateRaw(bytes, random, donor)
  if (field.kind !== 'block') {
    setNumber(changed, field, edgeNumber(numberAt(changed, field), field.size, random))
    return changed
  }
  const block = changed.subarray(field.offset, end)
  const other = random.pick(fields)
  switch (random.below(6)) {
    case 0:
      block.fill(random.pick([0, 0xff, 1, 0x80]))
      break
    case 1:
      block.set(donor.subarray(field.offset, end))
      break
    case 2:
      block.set(changed.slice(other.offset, other.offset + block.length))
      break
    case 3:
      block.set(random.bytes(block.length))
      break
    case 4:
      return concatBytes(changed.subarray(0, field.offset), changed.subarray(end))
    default:
      block[random.below(block.length)]! ^= 1 << random.below(8)
  }
  return changed
}

/** Numbers where readers go wrong: zero, the ends of each width, one off, and far past what there is. */
export function edgeNumber(value: bigint, size: number, random: Random): bigint {
  const max = (1n << BigInt(8 * size)) - 1n
  const edges = [
    0n,
    1n,
    max,
    max >> 1n,
    (max >> 1n) + 1n,
    value + 1n,
    value - 1n,
    value * 2n,
    value ^ (1n << BigInt(random.below(8 * size))),
    BigInt(random.bits()),
    0xffffn,
    0x10000n,
  ]
  return random.pick(edges) & max
}

const rawOps: readonly Op[] = [
  (bytes, random) => {
    if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
    return bytes
  },
  (bytes, random) => {
    if (bytes.length > 0)
      bytes[random.below(bytes.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.bits()])
    return bytes
  },
  (bytes, random) => {
    const size = random.pick([2, 3, 4, 8])
    if (bytes.length < size) return bytes
    const kind = random.pick(['little', 'big'] as const)
    const field = { offset: random.below(bytes.length - size + 1), size, kind }
    setNumber(bytes, field, edgeNumber(numberAt(bytes, field), size, random))
    return bytes
  },
  (bytes, random) => {
    const at = random.below(bytes.length + 1)
    const filler = random.once(2) ? random.bytes(1 + random.below(16)) : zeros(random)
    return concatBytes(bytes.subarray(0, at), filler, bytes.subarray(at))
  },
  (bytes, random) => {
    const [start, end] = range(bytes, random)
    return concatBytes(bytes.subarray(0, start), bytes.subarray(end))
  },
  (bytes, random) => {
    const [start, end] = range(bytes, random)
    return concatBytes(bytes.subarray(0, end), bytes.subarray(start, end), bytes.subarray(end))
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  (bytes, random) => concatBytes(bytes, random.once(2) ? zeros(random) : random.bytes(8)),
  (bytes, random, donor) => {
    const at = random.below(Math.min(bytes.length, donor.length) + 1)
    return concatBytes(bytes.subarray(0, at), donor.subarray(at))
  },
  (bytes, random, donor) => {
    const [start, end] = range(donor, random)
    bytes.set(donor.subarray(start, Math.min(end, bytes.length)), Math.min(start, bytes.length))
    return bytes
  },
  (bytes, random) => {
    const [start, end] = range(bytes, random)
    const to = random.below(bytes.length - (end - start) + 1)
    bytes.copyWithin(to, start, end)
    return bytes
  },
]

/** Mostly few; at times so many that a bound on size is reached. */
function zeros(random: Random): Bytes {
  return new Uint8Array(random.once(64) ? mutantBytesMax : 1 + random.below(300))
}

function range(bytes: Bytes, random: Random): readonly [number, number] {
  const start = random.below(bytes.length + 1)
  const most = random.once(4) ? bytes.length : 64
  return [start, Math.min(bytes.length, start + random.below(most + 1))]
}

function numberAt(bytes: Bytes, { offset, size, kind }: Field): bigint {
  const part = bytes.slice(offset, offset + size)
  if (kind === 'little') part.reverse()
  return part.reduce((value, byte) => value * 256n + BigInt(byte), 0n)
}

function setNumber(bytes: Bytes, { offset, size, kind }: Field, value: bigint): void {
  for (let index = 0; index < size; index++) {
    const shift = BigInt(8 * (kind === 'little' ? index : size - 1 - index))
    if (offset + index < bytes.length) bytes[offset + index] = Number((value >> shift) & 0xffn)
  }
}
