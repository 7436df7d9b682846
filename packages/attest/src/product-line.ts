import { MalformedError } from '@cloister/codec'
import type { Policy } from './policy.ts'
import { productLineOfName } from './snp/product.ts'

/**
 * Product lines whose keys can be extracted, which are denied unless a policy says otherwise. AMD's Milan: the seed of
 * its keys can be had in software (MilanLaunchy and BadFuse, arXiv 2605.12990), so reports of any TCB can be forged.
 */
export const extractableProductLines: readonly string[] = ['Milan']

/** What names a line where no key of a chip does. */
const otherLines = ['nitro', 'tpm', 'unknown']

/**
 * The one spelling of a product line, as claims have it: AMD's line (`milan`, `Milan-B0`; `Bergamo` and `Siena` are
 * Genoa's, whose root they share), an FMSPC or an Arm implementation id in hexadecimal, NVIDIA's chip, `nitro`, `tpm`.
 *
 * @throws {MalformedError} naming `field`, where it is none of these: what nothing is called would deny nothing.
 */
export function parseProductLine(name: string, field: string): string {
  const found = canonicalLine(name)
  if (found === undefined)
    throw new MalformedError(
      field,
      0,
      `got ${JSON.stringify(name.slice(0, 64))}, expected Milan, Genoa, Turin, a chip such as GH100, or hexadecimal: an ` +
        'FMSPC (12 digits) or an implementation id (64)',
    )
  return found
}

/** Whether `policy` believes no key of this product line. */
export function isDeniedLine(
  productLine: string,
  policy: Pick<Policy, 'deniedProductLines' | 'allowExtractableKeys'>,
): boolean {
  const allowed = policy.allowExtractableKeys.map(spelling)
  const denied = [
    ...policy.deniedProductLines.map(spelling),
    ...extractableProductLines.map(spelling).filter((line) => !allowed.includes(line)),
  ]
  return denied.includes(spelling(productLine))
}

/** Policies that were written without {@link parseProductLine} are compared as far as their spelling goes. */
function spelling(name: string): string {
  return canonicalLine(name) ?? name.trim().toLowerCase()
}

function canonicalLine(name: string): string | undefined {
  const lower = name.trim().toLowerCase()
  if (/^(?:[0-9a-f]{12}|[0-9a-f]{64})$/.test(lower) || otherLines.includes(lower)) return lower
  if (/^[a-z]{2}[0-9]{2,3}$/.test(lower)) return lower.toUpperCase()
  return productLineOfName(lower.split('-').map(capitalised).join('-'))
}

function capitalised(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1)
}
