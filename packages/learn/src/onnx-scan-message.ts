import { assert, MalformedError, type Bytes } from '@cloister/codec'
import { protobufFields, type ProtobufField, type ProtobufSlice } from './protobuf-reader.ts'

/** Which fields a message may have. A field that may come once and comes twice is refused, as is every other one. */
export type MessageRules = {
  readonly name: string
  /** How many fields the message may have, repeated ones counted each. */
  readonly fieldsMax: number
  readonly fields: Readonly<
    Record<number, { readonly name: string; readonly wire: Wire; readonly repeated?: true }>
  >
}

/** How a field may be written. `numbers` is a list of whole numbers, packed or not. */
export type Wire = 'varint' | 'bytes' | 'fixed' | 'numbers'

/** A message that keeps to its rules. */
export type Message = {
  readonly name: string
  readonly offset: number
  readonly has: (field: string) => boolean
  readonly all: (field: string) => readonly ProtobufField[]
  readonly slices: (field: string) => readonly ProtobufSlice[]
  /** The one message in `field`. @throws {MalformedError} where it is missing. */
  readonly slice: (field: string) => ProtobufSlice
}

/**
 * Reads one message by its rules.
 *
 * @throws {MalformedError} naming the message.
 */
export function readMessage(slice: ProtobufSlice, rules: MessageRules): Message {
  const found = new Map<string, ProtobufField[]>()
  let count = 0
  for (const field of protobufFields(slice, rules.name)) {
    if (++count > rules.fieldsMax)
      throw new MalformedError(rules.name, field.offset, `more than ${rules.fieldsMax} fields`)
    const rule = rules.fields[field.number]
    if (rule === undefined)
      throw new MalformedError(rules.name, field.offset, `field ${field.number} is not allowed`)
    const fits = field.wire === rule.wire || (rule.wire === 'numbers' && field.wire !== 'fixed')
    if (!fits)
      throw new MalformedError(rules.name, field.offset, `${rule.name} is written as ${field.wire}`)
    const before = found.get(rule.name)
    if (before === undefined) found.set(rule.name, [field])
    else if (rule.repeated || rule.wire === 'numbers') before.push(field)
    else throw new MalformedError(rules.name, field.offset, `${rule.name} comes twice`)
  }

  const all = (field: string) => found.get(field) ?? []
  const slices = (field: string) => all(field).map(toSlice)
  return {
    name: rules.name,
    offset: slice.offset,
    has: (field) => found.has(field),
    all,
    slices,
    slice: (field) => {
      const [first] = slices(field)
      if (first === undefined)
        throw new MalformedError(rules.name, slice.offset, `${field} is missing`)
      return first
    },
  }
}

/** The number in `field`, 0 where it is absent, as protobuf has it. */
export function varintOf(message: Message, field: string): bigint {
  const [first] = message.all(field)
  return first?.wire === 'varint' ? first.value : 0n
}

/** The bytes in `field`, none where it is absent. */
export function bytesOf(message: Message, field: string): Bytes {
  const [first] = message.slices(field)
  return first?.bytes ?? new Uint8Array()
}

function toSlice(field: ProtobufField): ProtobufSlice {
  assert(field.wire === 'bytes', 'only messages and texts are sliced')
  return { bytes: field.value, offset: field.offset }
}
