import { canonicalJson, type Json } from '@cloister/codec'

import {
  addressField,
  booleanField,
  decimalField,
  hexField,
  integerField,
  listField,
  malformed,
  objectField,
  parseField,
  textField,
  type Field,
} from './fields.ts'
import { limits } from './limits.ts'
import { messageTypes, type Message, type MessageName } from './messages.ts'

/**
 * How a message stands in JSON: exactly its fields; 8- and 32-bit numbers as numbers, wider ones as
 * decimal text, bytes as lower-case hex, lists of at most {@link limits.listMax} entries.
 *
 * Spec: docs/protocol.md section 1.
 */
export function messageField<N extends MessageName>(name: N): Field<Message<N>> {
  const field = objectField(
    Object.fromEntries(messageTypes[name].map(({ name: key, type }) => [key, fieldOf(type)])),
  )
  return {
    parse(value, path) {
      const parsed: unknown = field.parse(value, path)
      if (!isMessage(parsed, name)) throw malformed(path, `not a ${name}`)
      return parsed
    },
    encode: (value) => field.encode(value),
  }
}

/** A message as JSON. */
export function messageToJson<N extends MessageName>(name: N, message: Message<N>): Json {
  return messageField(name).encode(message)
}

/** Reads a message from JSON. @throws {MalformedError} naming the place below `path`. */
export function parseMessage<N extends MessageName>(name: N, json: Json, path: string): Message<N> {
  return messageField(name).parse(json, path)
}

/** A message as canonical JSON text. */
export function encodeMessage<N extends MessageName>(name: N, message: Message<N>): string {
  return canonicalJson(messageToJson(name, message))
}

/** Reads a message from JSON text of at most one body. @throws {MalformedError} naming the place. */
export function parseMessageText<N extends MessageName>(name: N, text: string): Message<N> {
  return parseField(messageField(name), text, name, {
    charactersMax: limits.bodyBytesMax,
    depthMax: limits.jsonDepthMax,
  })
}

const scalarFields: Readonly<Record<string, Field<unknown>>> = {
  address: addressField,
  bool: booleanField,
  bytes32: hexField(32),
  string: textField(limits.purposeBytesMax),
  uint8: integerField(0, 0xff),
  uint32: integerField(0, 0xffff_ffff),
  uint64: decimalField(64),
  uint128: decimalField(128),
}

function fieldOf(type: string): Field<unknown> {
  const list = type.endsWith('[]')
  const scalar = scalarFields[list ? type.slice(0, -2) : type]
  if (scalar === undefined) throw new TypeError(`Cannot read a message field of type ${type}`)
  return list ? listField(scalar, limits.listMax) : scalar
}

// The fields were just read by the types that `Message` is computed from: nothing else to look at.
function isMessage<N extends MessageName>(value: unknown, name: N): value is Message<N> {
  return (
    typeof value === 'object' &&
    value !== null &&
    messageTypes[name].every((field) => Object.hasOwn(value, field.name))
  )
}
