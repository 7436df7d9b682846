import type { Json } from '@cloister/codec'

/** A JSON object. */
export type JsonObject = { readonly [name: string]: Json }

/** A JSON object with what it leaves out filled in; anything else as it is. */
export function withDefaults(json: Json, defaults: JsonObject): Json {
  return isObject(json) ? { ...defaults, ...json } : json
}

/** Whether a JSON value is an object. */
export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
