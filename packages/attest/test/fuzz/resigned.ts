import { canonicalJson, type Bytes } from '@cloister/codec'
import { isAccepted, type AuthenticAppraisal } from '@cloister/attest'
import { createJudge } from './appraisal-formats.ts'
import { isBase, type Base, type Format, type Judged } from './case.ts'
import type { Random } from './random.ts'

/** Makes evidence that says anything, signed by keys that the emulator's roots vouch for. */
export type Resigner = {
  readonly name: string
  readonly what: string
  /** Opens a manufacturer: once in a thread. */
  readonly open: () => OpenResigner
}

/** Makes signed mutants, and knows what must hold of those that are authentic. */
export type OpenResigner = {
  readonly make: (random: Random) => Base
  /** What is wrong with an authentic appraisal; undefined where all is well. Reads the evidence by itself. */
  readonly check: (base: Base, appraisal: AuthenticAppraisal) => string | undefined
}

/** A format of mutants that get past the signature: only what is read and judged stands between them and acceptance. */
export function resignedFormat({ name, what, open }: Resigner): Format {
  return {
    name,
    what: `${what}, signed by the emulator after they were changed`,
    open: async () => {
      const { make, check } = open()
      const judge = createJudge()
      const judgeOne = async (base: Base, compared: boolean): Promise<Judged> => {
        if (compared) {
          const { problem } = await judge.alone(base)
          if (problem) return { outcome: problem.kind, problem }
        }
        const appraisal = await judge.warm(base)
        if (appraisal.authentic === false) return { outcome: appraisal.reject }
        const wrong = check(base, appraisal)
        if (wrong === undefined)
          return { outcome: isAccepted(appraisal) ? 'accepted' : 'authentic, with reasons' }
        const detail = `${wrong}; it says ${canonicalJson(appraisal).slice(0, 1500)}`
        return { outcome: 'wrong', problem: { kind: 'invariant', detail } }
      }
      return {
        make: (index, random) => {
          const input = make(random)
          const compared = index % 256 === 0
          return { base: input.name, input, judge: () => judgeOne(input, compared) }
        },
        again: (input) => (isBase(input) ? judgeOne(input, true) : { outcome: 'no evidence' }),
      }
    },
  }
}

/** The first of `rules` that does not hold, by its name. */
export function brokenRule(rules: Readonly<Record<string, boolean>>): string | undefined {
  return Object.keys(rules).find((name) => rules[name] !== true)
}

/** Bytes as claims spell them. */
export function hexAt(bytes: Bytes, offset: number, size: number): string {
  return Buffer.from(bytes.subarray(offset, offset + size)).toString('hex')
}

/** Whether these bytes are all zero. */
export function isZeroAt(bytes: Bytes, offset: number, size: number): boolean {
  return bytes.subarray(offset, offset + size).every((byte) => byte === 0)
}

/** An unsigned little-endian number of up to 8 bytes. */
export function littleAt(bytes: Bytes, offset: number, size: number): bigint {
  return bytes
    .slice(offset, offset + size)
    .reduceRight((value, byte) => value * 256n + BigInt(byte), 0n)
}

/** Changes a few bytes and bits at places where fields begin, so that most of the rest stays as it was. */
export function changeFields(
  bytes: Bytes,
  fields: readonly (readonly [offset: number, size: number])[],
  random: Random,
): Bytes {
  const changed = bytes.slice()
  for (let times = 1 + random.below(3); times > 0; times--) {
    const [offset, size] = random.pick(fields)
    const at = offset + random.below(size)
    switch (random.below(5)) {
      case 0:
        changed.fill(random.pick([0, 0xff, 1]), offset, offset + size)
        break
      case 1:
        changed.set(random.bytes(size), offset)
        break
      case 2:
        changed[at] = random.bits() & 0xff
        break
      default:
        changed[at]! ^= 1 << random.below(8)
    }
  }
  return changed
}
