import { MalformedError, type Json } from '@cloister/codec'
import {
  booleanField,
  integerField,
  listField,
  objectField,
  textField,
  type Field,
} from '@cloister/protocol'

import { isObject, withDefaults, type JsonObject } from './with-defaults.ts'

const any = 'any'

/** A list of names. */
export const texts: Field<readonly string[]> = listField(textField(200, 1), 1024)

/** A list of names, or `any` for all. */
export const textsOrAny: Field<readonly string[] | 'any'> = {
  parse: (value, path) => (value === any ? any : texts.parse(value, path)),
  encode: (value) => value,
}

/** A whole number from 0. */
export const whole: Field<number> = integerField(0, Number.MAX_SAFE_INTEGER)

const membersMax = 1024

/**
 * Reads an object whose members are those of `strict`, each of the kind that it has there; what is left out is as in
 * `strict`, and a member that it lacks is refused by its name.
 *
 * A member is true or false, a whole number, a text, a list of texts or numbers, or an object. Where `strict` has an
 * empty object, names are free, and values are of any of these kinds. `any` in `strict` may become a list.
 */
export function likeField<T extends JsonObject>(strict: T): Field<T> {
  const shape = objectField(
    Object.fromEntries(Object.entries(strict).map(([name, value]) => [name, memberLike(value)])),
  )
  return {
    parse(value, path) {
      const read = shape.parse(withDefaults(value, strict), path)
      if (!isLike(read, strict)) throw new MalformedError(path, 0, 'incomplete')
      return read
    },
    encode: (value) => value,
  }
}

function memberLike(strict: Json): Field<unknown> {
  if (typeof strict === 'boolean') return booleanField
  if (typeof strict === 'number') return whole
  if (strict === any) return textsOrAny
  if (typeof strict === 'string') return textField(2048)
  if (isObject(strict)) return Object.keys(strict).length > 0 ? likeField(strict) : freeRecord
  const [first] = strict ?? []
  return typeof first === 'number' ? listField(whole, membersMax) : texts
}

/** Free names; how deep it goes, the reader of the file bounds. */
const freeRecord: Field<JsonObject> = {
  parse(value, path) {
    if (!isObject(value)) throw new MalformedError(path, 0, 'expected an object')
    const members = Object.entries(value)
    if (members.length > membersMax)
      throw new MalformedError(
        path,
        0,
        `got ${members.length} members, expected at most ${membersMax}`,
      )
    return Object.fromEntries(
      members.map(([name, member]) => [name, freeMember(member, `${path}.${name.slice(0, 64)}`)]),
    )
  },
  encode: (value) => value,
}

function freeMember(value: Json, path: string): Json {
  if (isObject(value)) return freeRecord.parse(value, path)
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return whole.parse(value, path)
  return typeof value === 'string' ? textField(2048).parse(value, path) : texts.parse(value, path)
}

// Every member was read just above as the kind that it has in `strict`: the compiler can't see that.
function isLike<T extends JsonObject>(
  read: Readonly<Record<string, unknown>>,
  strict: T,
): read is T {
  return Object.keys(strict).every((name) => Object.hasOwn(read, name))
}
