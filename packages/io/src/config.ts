import { readFileSync, statSync } from 'node:fs'

import { MalformedError, OperationError, parseJson, type Json } from '@cloister/codec'
import type { Field } from '@cloister/protocol'

import { systemErrorCode } from './system-error.ts'

const configBytesMax = 4 * 2 ** 20

/**
 * Reads a JSON file whose fields `field` names: a missing or an unknown one is refused. `defaults`
 * stand in for fields that the file leaves out.
 *
 * @throws {OperationError} `config-unreadable`, `config-malformed`, naming the file and the field.
 */
export function readConfig<T>(
  path: string,
  field: Field<T>,
  defaults: { readonly [name: string]: Json } = {},
): T {
  try {
    const json = parseJson(readText(path), 'configuration', {
      charactersMax: configBytesMax,
      depthMax: 32,
    })
    return field.parse(isObject(json) ? { ...defaults, ...json } : json, '')
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw new OperationError(
      'config-malformed',
      `Cannot use ${path}: ${cause.message}; correct that field`,
      {
        cause,
      },
    )
  }
}

function readText(path: string): string {
  try {
    const { size } = statSync(path)
    if (size > configBytesMax)
      throw new MalformedError(
        'configuration',
        0,
        `${size} bytes, at most ${configBytesMax} are read`,
      )
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof MalformedError) throw cause
    throw new OperationError(
      'config-unreadable',
      `Cannot read the configuration ${path}: ${systemErrorCode(cause) ?? 'unknown failure'}; check the path`,
      { cause },
    )
  }
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
