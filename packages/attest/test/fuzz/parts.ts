import type { Bytes } from '@cloister/codec'
import type { Base } from './case.ts'
import { mutate } from './mutate.ts'
import type { Random } from './random.ts'

/** Evidence and collateral as named pieces: `evidence.quote`, `collateral.amd.crl`, `collateral.nvidia.rims.0`. */
export type Parts = ReadonlyMap<string, Leaf>

/** Text, bytes, or a value that says what kind something is of and is never changed. */
type Leaf = Bytes | string | number | boolean

/** What types alone protect, and no byte from outside can be. */
const kinds = /\.(?:tee|kind|curve)$/

/** Whole pieces that evidence and collateral may come without, and the members that go with them. */
const optional = [
  /^collateral\.amd\.crl$/,
  /^collateral\.nvidia\.(?:rims|ocspResponses)\.\d+$/,
  /^collateral\.deviceKeys\.\d+\./,
]
const optionalOfTpms = [
  /^evidence\.(?:attestationKey|certificateChain|eventLog|hcl|hardwareQuote)$/,
  /^evidence\.pcrs\.\w+\.\d+$/,
]

/** Takes evidence and collateral apart. */
export function partsOf({ evidence, given }: Base): Parts {
  const { collateral } = given
  const parts = new Map<string, Leaf>()
  collect('evidence', evidence, parts)
  if (collateral !== 'none') collect('collateral', collateral, parts)
  return parts
}

/** Puts pieces together again: `base` with these in place of its own. Lists close up where one of theirs is missing. */
export function withParts(base: Base, parts: Parts): Base {
  const root = { evidence: base.evidence, collateral: base.given.collateral }
  const known = partsOf(base)
  for (const [name, leaf] of parts) if (known.get(name) !== leaf) place(root, name.split('.'), leaf)
  // From the last to the first, so that the numbers of those before still hold.
  for (const name of [...known.keys()].toReversed())
    if (!parts.has(name)) place(root, name.split('.'), undefined)
  const { evidence, collateral } = root
  return { ...base, evidence, given: { ...base.given, collateral } }
}

/** A base of which some pieces were changed, taken away or taken from another one. */
export type Mutant = {
  readonly base: Base
  readonly parts: Parts
  /** The same with what was changed put back, and what was taken away or over left so: all its bytes are genuine. */
  readonly restored: Parts
  readonly donors: readonly Base[]
}

/**
 * What a mutant may have become by accident when pieces of two genuine ones were joined: the restored one, with what
 * was changed taken whole from one of the donors.
 */
export function* lookalikes({ base, parts, restored, donors }: Mutant): Generator<Base> {
  const changed = [...parts].flatMap(([name, leaf]) => (restored.get(name) === leaf ? [] : [name]))
  for (const donor of donors) {
    const theirs = partsOf(donor)
    const taken = changed.flatMap((name) => {
      const leaf = theirs.get(name)
      return leaf === undefined ? [] : [[name, leaf] as const]
    })
    if (taken.length > 0) yield withParts(base, new Map([...restored, ...taken]))
  }
}

/** Changes one to three pieces of `base`; `donors` are genuine ones of its kind. `only` limits which pieces. */
export function mutateBase(
  base: Base,
  donors: readonly Base[],
  random: Random,
  only: RegExp = /./,
): Mutant {
  const parts = new Map(partsOf(base))
  const restored = new Map(parts)
  for (let times = 1 + (random.once(4) ? random.below(3) : 0); times > 0; times--) {
    const names = [...parts.keys()].filter((name) => !kinds.test(name) && only.test(name))
    if (names.length === 0) break
    const name = pickName(names, random)
    const donor = partsOf(random.pick(donors)).get(name)
    const value = parts.get(name)
    const roll = random.below(16)
    if (roll === 0 && isOptional(name, base)) {
      for (const each of together(name, parts))
        for (const map of [parts, restored]) map.delete(each)
    } else if (roll === 1 && donor !== undefined && !(value instanceof Uint8Array)) {
      for (const map of [parts, restored]) map.set(name, donor)
    } else if (typeof value === 'string') {
      const changed = mutate(value, random, typeof donor === 'string' ? donor : value)
      parts.set(name, changed)
      // A text of no certificate is the same as none.
      if (isOptional(name, base) && !changed.includes('-----BEGIN')) restored.delete(name)
    } else if (value instanceof Uint8Array) {
      parts.set(name, mutate(value, random, donor instanceof Uint8Array ? donor : value))
    }
  }
  return { base, parts, restored, donors }
}

function isOptional(name: string, { evidence }: Base): boolean {
  const patterns = evidence.tee === 'tpm2' ? [...optional, ...optionalOfTpms] : optional
  return patterns.some((pattern) => pattern.test(name))
}

/** Evidence more often than collateral; of each, every piece alike. */
function pickName(names: readonly string[], random: Random): string {
  const evidence = names.filter((name) => name.startsWith('evidence.'))
  const collateral = names.filter((name) => !name.startsWith('evidence.'))
  if (evidence.length === 0 || (collateral.length > 0 && random.once(4)))
    return random.pick(collateral)
  return random.pick(evidence)
}

/** A device's key goes as a whole. */
function together(name: string, parts: Parts): readonly string[] {
  const key = /^collateral\.deviceKeys\.\d+\./.exec(name)?.[0]
  return key === undefined ? [name] : [...parts.keys()].filter((each) => each.startsWith(key))
}

function collect(path: string, value: unknown, parts: Map<string, Leaf>): void {
  if (isLeaf(value)) parts.set(path, value)
  else if (typeof value === 'object' && value !== null)
    for (const [name, member] of Object.entries(value)) collect(`${path}.${name}`, member, parts)
}

/** Sets a piece, or takes it away, in copies of what it lies in. */
function place(parent: object, path: readonly string[], leaf: Leaf | undefined): void {
  const [name = '', ...rest] = path
  if (rest.length > 0) {
    const child: unknown = Reflect.get(parent, name)
    if (typeof child !== 'object' || child === null) return
    const copy = Array.isArray(child) ? [...child] : { ...child }
    Reflect.set(parent, name, copy)
    place(copy, rest, leaf)
    // A device's key of which nothing is left is none.
    if (leaf === undefined && Array.isArray(parent) && Object.keys(copy).length === 0)
      parent.splice(Number(name), 1)
  } else if (leaf !== undefined) Reflect.set(parent, name, leaf)
  else if (Array.isArray(parent)) parent.splice(Number(name), 1)
  else Reflect.deleteProperty(parent, name)
}

function isLeaf(value: unknown): value is Leaf {
  return value instanceof Uint8Array || ['string', 'number', 'boolean'].includes(typeof value)
}
