import { canonicalJson, type Bytes } from '@cloister/codec'
import type { Tee } from '@cloister/attest'
import { createJudge, falseAccept } from './appraisal-formats.ts'
import type { Base, Case, Format, Judged, OpenFormat } from './case.ts'
import { partsOf, withParts, type Parts } from './parts.ts'
import { unsignedAt } from './unsigned.ts'
import { isWorthLess } from './worth-less.ts'

/** One genuine sample per kind of evidence, real before emulated, whose every bit is flipped once. */
const samples: readonly { readonly name: string; readonly tee: Tee; readonly bases: RegExp[] }[] = [
  { name: 'flips-sgx', tee: 'sgx', bases: [/^sgx\/automata-v3-a/, /^emulated sgx v3/] },
  { name: 'flips-tdx', tee: 'tdx', bases: [/^tdx\/google-v5-202603/, /^emulated tdx v5/] },
  { name: 'flips-snp', tee: 'sev-snp', bases: [/^snp\/oak-genoa-v5-real-crl/, /^emulated snp/] },
  { name: 'flips-nvidia', tee: 'nvidia-gpu', bases: [/^nvidia\/h100-570.124.03/, /^emulated gpu/] },
  {
    name: 'flips-nvswitch',
    tee: 'nvidia-nvswitch',
    bases: [/^nvidia\/nvswitch-ls10/, /^emulated nvswitch/],
  },
  { name: 'flips-nitro', tee: 'aws-nitro', bases: [/^nitro\/dstack-a/, /^emulated nitro/] },
  { name: 'flips-cca', tee: 'arm-cca', bases: [/^arm-cca\/veraison-good/, /^emulated cca/] },
  { name: 'flips-psa', tee: 'arm-psa', bases: [/^arm-psa\/tfm-psa-iot-1-sign1/, /^emulated psa/] },
  { name: 'flips-tpm', tee: 'tpm2', bases: [/^tpm\/gce.*nonce9009-sha256/, /^emulated tpm/] },
  { name: 'flips-tpm-hcl', tee: 'tpm2', bases: [/^tpm\/azure-tdx-vtpm/, /^emulated hcl/] },
]

/** Kinds whose evidence is judged by nothing that came with it. */
const alone = ['flips-nitro', 'flips-tpm', 'flips-tpm-hcl']

/** Every single-bit flip of evidence, and of what it is judged by. */
export const flipFormats: readonly Format[] = samples.flatMap(({ name, tee, bases }) => {
  const evidence = flipFormat(name, `evidence: ${tee}`, bases, /^evidence\./)
  if (alone.includes(name)) return [evidence]
  const what = `collateral of one genuine sample: ${tee}`
  return [evidence, flipFormat(`${name}-collateral`, what, bases, /^collateral\./)]
})

function flipFormat(name: string, what: string, patterns: readonly RegExp[], only: RegExp): Format {
  return {
    name,
    what: `every flipped bit of ${what}`,
    open: async (bases) => {
      const judge = createJudge()
      for (const pattern of patterns)
        for (const base of bases.filter((each) => pattern.test(each.name)))
          if (await judge.learn(base))
            return openFlips(await withGenuineManifests(base, judge), judge, only)
      return undefined
    },
  }
}

/** Without manifests that are not genuine: they count for nothing, whatever they say. */
async function withGenuineManifests(
  base: Base,
  judge: ReturnType<typeof createJudge>,
): Promise<Base> {
  const appraisal = await judge.warm(base)
  if (appraisal.authentic === false || !('rims' in appraisal.claims)) return base
  const parts = new Map(partsOf(base))
  for (const [index, rim] of appraisal.claims.rims.entries())
    if ('malformed' in rim || !rim.signatureHolds || !rim.digestHolds)
      parts.delete(`collateral.nvidia.rims.${index}`)
  return withParts(base, parts)
}

type Spot = { readonly part: string; readonly value: Bytes | string; readonly start: number }

/** A character has seven bits here: what is outside ASCII is nowhere in genuine texts. */
const bitsOf = (value: Bytes | string): number => (typeof value === 'string' ? 7 : 8)

function openFlips(base: Base, judge: ReturnType<typeof createJudge>, only: RegExp): OpenFormat {
  const parts = partsOf(base)
  const spots: Spot[] = []
  let total = 0
  for (const [part, value] of parts)
    if (only.test(part) && !/\.(?:tee|kind|curve)$/.test(part) && isText(value)) {
      spots.push({ part, value, start: total })
      total += value.length * bitsOf(value)
    }
  const stride = coprimeStride(total)
  return {
    total,
    make: (index): Case => {
      // In steps, so that the first thousand cases are spread over everything.
      const at = Number((BigInt(index) * BigInt(stride)) % BigInt(total))
      const spot = spots.findLast(({ start }) => start <= at)
      if (spot === undefined) throw new RangeError(`Cannot flip bit ${at} of ${total}`)
      const { part, value, start } = spot
      const [offset, bit] = [Math.floor((at - start) / bitsOf(value)), (at - start) % bitsOf(value)]
      const input = withParts(base, new Map([...parts, [part, flipped(value, offset, bit)]]))
      const where = `${base.name}, ${part} at ${offset}, bit ${bit}`
      return {
        base: where,
        input,
        judge: () => judgeFlip(input, base, judge, { ...spot, offset, bit, where }),
      }
    },
    again: (input) => judge.alone(input),
  }
}

async function judgeFlip(
  input: Base,
  base: Base,
  judge: ReturnType<typeof createJudge>,
  { part, value, offset, bit, where }: Spot & { offset: number; bit: number; where: string },
): Promise<Judged> {
  const appraisal = await judge.warm(input)
  if (appraisal.authentic === false) return { outcome: appraisal.reject }
  const [said, genuine] = [canonicalJson(appraisal), await judge.genuineText(base)]
  const listed = unsignedAt(base.evidence.tee, part, value, offset, bit)
  if (said === genuine) {
    if (listed) return { outcome: `unsigned: ${listed.what}` }
    const detail = `authentic as before, and not listed as unsigned: ${where}`
    return { outcome: 'unlisted flip', problem: { kind: 'unlisted-flip', detail } }
  }
  if (isWorthLess(appraisal, await judge.warm(base), judge.manifests))
    return { outcome: 'authentic, and worth less' }
  return listed?.claim === true
    ? { outcome: `unsigned: ${listed.what}` }
    : falseAccept(said, genuine)
}

function flipped(value: Bytes | string, offset: number, bit: number): Bytes | string {
  if (typeof value === 'string') {
    const character = String.fromCharCode(value.charCodeAt(offset) ^ (1 << bit))
    return value.slice(0, offset) + character + value.slice(offset + 1)
  }
  const copy = value.slice()
  copy[offset]! ^= 1 << bit
  return copy
}

/** A step that meets every number below `total` once. */
function coprimeStride(total: number): number {
  let stride = Math.max(1, Math.floor(total * 0.618))
  while (greatestDivisor(stride, total) !== 1) stride++
  return stride
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}

function isText(
  value: Parts extends ReadonlyMap<string, infer L> ? L : never,
): value is Bytes | string {
  return typeof value === 'string' || value instanceof Uint8Array
}
