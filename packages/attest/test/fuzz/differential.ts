import { canonicalJson } from '@cloister/codec'
import {
  collateralCharacters,
  collateralCharactersMax,
  productionAnchors,
  type Appraisal,
} from '@cloister/attest'
import { hasEvidence, mutate as patch, readMutations, readSample } from '../evidence.ts'
import { createJudge } from './appraisal-formats.ts'
import { isBase, type Base, type Format, type Judged } from './case.ts'
import { disagreements } from './disagreements.ts'
import { mutateBase, withParts } from './parts.ts'
import { intelResigners } from './resigned-intel.ts'
import { askThirdParty, rootOf, type ThirdParty } from './third-party.ts'

/** Genuine, patched, mutated and signed quotes, judged here and by an unmodified third party. */
export const differentialFormat: Format = {
  name: 'dcap-qvl',
  what: 'SGX and TDX quotes of all these kinds, judged beside @phala/dcap-qvl',
  open: async (all) => {
    const bases = [...all.filter(isComparable), ...patchedBases()]
    if (bases.length === 0) return undefined
    const judge = createJudge()
    const signers = intelResigners.map(({ open }) => open())
    // By what a base is judged under: a mutant's own chain may be no chain any more.
    const roots = new Map(bases.map((base) => [JSON.stringify(base.given.anchors), rootOf(base)]))
    const compare = async (base: Base): Promise<Judged> => {
      const ours = await judge.warm(base)
      // The other has no bounds: its time is not what is measured here.
      if (!isBounded(base) && ours.authentic === false) return { outcome: 'past every bound' }
      const root = roots.get(JSON.stringify(base.given.anchors))
      return compared(ours, askThirdParty(base, root), base)
    }
    return {
      make: (index, random) => {
        // Each genuine and each patched one first, as it stands.
        const base = bases[index] ?? random.pick(bases)
        const mutant = index < bases.length ? undefined : mutateBase(base, bases, random)
        if (index < bases.length || !random.once(4)) {
          const input = mutant ? withParts(base, mutant.parts) : base
          return { base: base.name, input, judge: () => compare(input) }
        }
        const input = random.pick(signers).make(random)
        return { base: input.name, input, judge: () => compare(input) }
      },
      again: (input) => (isBase(input) ? compare(input) : { outcome: 'no evidence' }),
    }
  },
}

function isComparable({ evidence, given: { collateral } }: Base): boolean {
  const isQuote = evidence.tee === 'sgx' || evidence.tee === 'tdx'
  return isQuote && collateral !== 'none' && collateral.intel !== undefined
}

function isBounded({ given: { collateral } }: Base): boolean {
  return collateral === 'none' || collateralCharacters(collateral) <= collateralCharactersMax
}

function patchedBases(): readonly Base[] {
  if (!hasEvidence(1)) return []
  return readMutations().map((mutation) => {
    const { quote, collateral, verifyAt } = patch(readSample(mutation.base), mutation)
    return {
      name: `${mutation.base} ${mutation.id}`,
      evidence: { tee: 'tdx', quote },
      given: { collateral, anchors: productionAnchors(), now: verifyAt! },
    }
  })
}

function compared(ours: Appraisal, theirs: ThirdParty, base: Base): Judged {
  if (ours.authentic === false && !theirs.accepts) return { outcome: 'both refuse' }
  if (ours.authentic === true && theirs.accepts && ours.claims.tcbStatus === theirs.status)
    return { outcome: 'both accept' }
  const known = disagreements.find(({ fits }) => fits(ours, theirs, base))
  if (known !== undefined) return { outcome: known.name }
  const said = canonicalJson(ours).slice(0, 3000)
  const detail = `third party: ${JSON.stringify(theirs)}; here: ${said}`
  return { outcome: 'unclassified', problem: { kind: 'unclassified', detail } }
}
