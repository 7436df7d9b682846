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
import { selfTestFormats } from './self-test-formats.ts'
import { vectorFormat } from './vector-format.ts'

const resigners = [...intelResigners, ...snpResigners, ...tokenResigners, ...deviceResigners]

/** Mutants of evidence and collateral, judged whole. */
export const evidenceFormats = appraisalFormats

/** Mutants given to one parser each. */
export { parserFormats }

/** Every bit of one genuine sample of a kind. */
export { flipFormats }

/** Mutants that get past the signatures. */
export const resignedFormats: readonly Format[] = resigners.map(resignedFormat)

/** Every kind of input that is fuzzed. */
export const formats: readonly Format[] = [
  ...evidenceFormats,
  ...parserFormats,
  ...flipFormats,
  ...resignedFormats,
  differentialFormat,
  vectorFormat(formatNamed),
]

/** The format of that name; also one of those that go wrong on purpose. */
export function formatNamed(name: string): Format | undefined {
  return [...formats, ...selfTestFormats].find((format) => format.name === name)
}
