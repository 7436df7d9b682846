import { appraisalFormats } from './appraisal-formats.ts'
import type { Format } from './case.ts'
import { differentialFormat } from './differential.ts'
import { flipFormats } from './flip-formats.ts'
import { parserFormats } from './parser-formats.ts'
import { deviceResigners } from './resigned-devices.ts'
import { intelResigners } from './resigned-intel.ts'
import { snpResigners } from './resigned-snp.ts'
import { tokenResigners } from './resigned-tokens.ts'
import { resignedFormat } from './resigned.ts'

const resigners = [...intelResigners, ...snpResigners, ...tokenResigners, ...deviceResigners]

/** Every kind of input that is fuzzed. */
export const formats: readonly Format[] = [
  ...appraisalFormats,
  ...parserFormats,
  ...flipFormats,
  ...resigners.map(resignedFormat),
  differentialFormat,
]

/** The format of that name. */
export function formatNamed(name: string): Format | undefined {
  return formats.find((format) => format.name === name)
}
