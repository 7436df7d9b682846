import type { Json } from '@cloister/codec'

/** A JSON object with what it leaves out filled in; anything else as it is. */
export function withDefaults(json: Json, defaults: Readonly<Record<string, Json>>): Json {
  return isObject(json) ? { ...defaults, ...json } : json
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
