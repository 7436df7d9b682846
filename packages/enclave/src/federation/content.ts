import {
  canonicalJson,
  concatBytes,
  encodeUtf8,
  MalformedError,
  parseUtf8,
  type Bytes,
} from '@cloister/codec'
import {
  booleanField,
  bytes32Field,
  listField,
  objectField,
  parseField,
  type Field,
  type FieldValue,
} from '@cloister/protocol'

import { bytesToFloats, floatsToBytes } from '../engine/floats.ts'
import { membersMax } from './plan.ts'

const caps = { charactersMax: 65_536, depthMax: 8 }
const tasks = listField(bytes32Field, membersMax)

/** Who takes part: the evidence bundles of all members. */
export const rosterField = objectField({ bundles: tasks })
/** Who is still in as a round begins; these and no others have masks with each other in it. */
export const weightsField = objectField({ active: tasks })
/** Of whom no update came. */
export const dropoutsField = objectField({ missing: tasks })
/** Keys of this round's masks with those that are missing. */
export const masksField = objectField({
  keys: listField(objectField({ member: bytes32Field, key: bytes32Field }), membersMax),
})
/** Whether a federation came to its end. */
export const endField = objectField({ finished: booleanField })

/** The global weights of a round, and who is in it. */
export type RoundStart = FieldValue<typeof weightsField> & { readonly weights: Float32Array }

/** Canonical JSON. */
export function encodeContent<T>(field: Field<T>, value: T): Bytes {
  return encodeUtf8(canonicalJson(field.encode(value)))
}

/** @throws {MalformedError} naming the place. */
export function parseContent<T>(field: Field<T>, bytes: Bytes, name: string): T {
  return parseField(field, parseUtf8(bytes, name), name, caps)
}

/** `u32be length of the JSON || JSON || weights as little-endian float32`. */
export function encodeRoundStart({ active, weights }: RoundStart): Bytes {
  const json = encodeContent(weightsField, { active })
  return concatBytes(u32be(json.length), json, floatsToBytes(weights))
}

/** @throws {MalformedError} where it is cut, or has another number of weights than `count`. */
export function parseRoundStart(bytes: Bytes, count: number): RoundStart {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = bytes.length < 4 ? 0 : view.getUint32(0)
  if (bytes.length < 4 + length) throw new MalformedError('weights', 0, 'ends before its JSON')
  const { active } = parseContent(weightsField, bytes.subarray(4, 4 + length), 'weights')
  const weights = bytesToFloats(bytes.subarray(4 + length), 'weights')
  if (weights.length !== count)
    throw new MalformedError('weights', 4, `${weights.length} weights, expected ${count}`)
  return { active, weights }
}

/** Little-endian 32-bit words. */
export function wordsToBytes(words: Uint32Array): Bytes {
  const bytes = new Uint8Array(words.length * 4)
  const view = new DataView(bytes.buffer)
  words.forEach((word, index) => view.setUint32(index * 4, word, true))
  return bytes
}

/** @throws {MalformedError} unless there are exactly `count` words. */
export function bytesToWords(bytes: Bytes, count: number, name: string): Uint32Array<ArrayBuffer> {
  if (bytes.length !== count * 4)
    throw new MalformedError(name, 0, `${bytes.length} bytes, expected ${count * 4}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Uint32Array.from({ length: count }, (_, index) => view.getUint32(index * 4, true))
}

function u32be(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}
