import type { Evidence } from './evidence.ts'
import { parseTdxQuote } from './tdx/parse.ts'

/**
 * Every field of evidence, under its specification's names. Nothing is trusted, and nothing but its form is checked.
 *
 * @throws {MalformedError} naming the field, where it is not in its format.
 */
export function parseEvidence(evidence: Evidence): object {
  switch (evidence.tee) {
    case 'tdx':
      return parseTdxQuote(evidence.quote)
    default:
      return {}
  }
}
