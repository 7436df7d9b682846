import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const required = (process.env['CLOISTER_REQUIRE'] ?? '').split(',').includes('jsonschema')

const program = `
import json, sys
from jsonschema import Draft202012Validator
schema, values = json.load(sys.stdin)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
print(json.dumps([[error.message[:300] for error in validator.iter_errors(value)] for value in values]))
`

/** Whether an independent validator of JSON Schema is there: Python's jsonschema. Where it is required, this throws. */
export function hasValidator(tests: number): boolean {
  if (spawnSync('python3', ['-c', 'from jsonschema import Draft202012Validator']).status === 0)
    return true
  const message = `SKIPPED ${tests} tests: python3 has no module jsonschema (pip install jsonschema)`
  if (required) throw new Error(`CLOISTER_REQUIRE names jsonschema, but: ${message}`)
  console.warn(message)
  return false
}

/** A schema of this package. */
export function readSchema(name: string): unknown {
  return JSON.parse(
    readFileSync(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8'),
  )
}

/** What a schema has against each of some values: nothing where the list is empty. */
export function validate(name: string, values: readonly unknown[]): readonly (readonly string[])[] {
  const input = JSON.stringify([readSchema(name), values])
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program], {
    input,
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}
