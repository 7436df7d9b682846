import { readFileSync } from 'node:fs'
import { Ajv2020, type AnySchema } from 'ajv/dist/2020.js'

/** A schema of this package. */
export function readSchema(name: string): AnySchema {
  return JSON.parse(
    readFileSync(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8'),
  )
}

/** What a schema has against each of some values: nothing where the list is empty. */
export function validate(name: string, values: readonly unknown[]): readonly (readonly string[])[] {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false })
  const check = ajv.compile(readSchema(name))
  return values.map((value) => {
    if (check(value) === true) return []
    return (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
  })
}
