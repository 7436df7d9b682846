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
 * A member is true or false, a whole number, a text, a list of texts or numbers, or an object. `any` in `strict` may
 * become a list. What `strict` can't show, such as what stands in an empty object, `special` reads.
 */
export function likeField<T extends JsonObject>(
  strict: T,
  special: { readonly [K in keyof T]?: Field<T[K]> } = {},
): Field<T> {
  const fields = new Map<string, Field<unknown>>(Object.entries(special))
  const shape = objectField(
    Object.fromEntries(
      Object.entries(strict).map(([name, value]) => [name, fields.get(name) ?? memberLike(value)]),
    ),
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
  if (isObject(strict)) return likeField(strict)
  const [first] = strict ?? []
  return typeof first === 'number' ? listField(whole, membersMax) : texts
}

/** An object with free names, each member read by `member`. */
export function recordField<T>(member: Field<T>): Field<Readonly<Record<string, T>>> {
  return {
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
        members.map(([name, each]) => [name, member.parse(each, `${path}.${name.slice(0, 64)}`)]),
      )
    },
    encode: (value) =>
      Object.fromEntries(Object.entries(value).map(([name, each]) => [name, member.encode(each)])),
  }
}

// Every member was read just above as the kind that it has in `strict`: the compiler can't see that.
function isLike<T extends JsonObject>(
  read: Readonly<Record<string, unknown>>,
  strict: T,
): read is T {
  return Object.keys(strict).every((name) => Object.hasOwn(read, name))
}
