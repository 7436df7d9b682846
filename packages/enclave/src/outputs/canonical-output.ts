import {
  canonicalJson,
  encodeUtf8,
  MalformedError,
  parseJson,
  parseUtf8,
  type Bytes,
} from '@cloister/codec'
import { canonicalOnnx, type AppOutputFormat } from '@cloister/learn'

import { canonicalCsv } from './canonical-csv.ts'
import { canonicalSafetensors } from './canonical-safetensors.ts'
import { canonicalText } from './canonical-text.ts'

/** What an output of a text format may be at most, whatever its manifest says: it is read as a whole to be checked. */
export const outputLimits = {
  jsonBytesMax: 67_108_864,
  jsonDepthMax: 32,
} as const

/**
 * The bytes of an output that may leave: of the format that its manifest declares, and spelled in one way, so that what readers of that
 * format do not look at carries nothing. It caps what an app can say beside its result; it is no proof that the result says nothing about
 * the inputs. See docs/leaks.md.
 *
 * @throws {MalformedError} naming the output and the byte, where it is not of that format.
 */
export function canonicalOutput(name: string, format: AppOutputFormat, bytes: Bytes): Bytes {
  const field = `output ${name}`
  switch (format) {
    case 'bytes':
      return bytes
    case 'text':
      return canonicalText(field, bytes)
    case 'json':
      return plainJson(field, bytes)
    case 'csv':
      return canonicalCsv(field, bytes)
    case 'onnx':
      return plainOnnx(field, bytes)
    case 'safetensors':
      return canonicalSafetensors(field, bytes)
    default:
      return format satisfies never
  }
}

function plainJson(field: string, bytes: Bytes): Bytes {
  if (bytes.length > outputLimits.jsonBytesMax)
    throw new MalformedError(field, 0, `JSON of more than ${outputLimits.jsonBytesMax} bytes`)
  const value = parseJson(parseUtf8(bytes, field), field, {
    charactersMax: outputLimits.jsonBytesMax,
    depthMax: outputLimits.jsonDepthMax,
  })
  return encodeUtf8(canonicalJson(value))
}

function plainOnnx(field: string, bytes: Bytes): Bytes {
  try {
    return canonicalOnnx(bytes)
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw new MalformedError(field, cause.offset, cause.message, { cause })
  }
}
