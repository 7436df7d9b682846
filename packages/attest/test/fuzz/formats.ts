import { appraisalFormats } from './appraisal-formats.ts'
import type { Format } from './case.ts'
import { parserFormats } from './parser-formats.ts'

/** Every kind of input that is fuzzed. */
export const formats: readonly Format[] = [...appraisalFormats, ...parserFormats]

/** The format of that name. */
export function formatNamed(name: string): Format | undefined {
  return formats.find((format) => format.name === name)
}
