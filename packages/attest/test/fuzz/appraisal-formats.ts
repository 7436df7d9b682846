import { canonicalJson, MalformedError } from '@cloister/codec'
import {
  appraise,
  createAppraiser,
  describeAppraisal,
  detectTee,
  evidenceFormat,
  parseEvidence,
  type Appraisal,
  type Tee,
} from '@cloister/attest'
import { anyPolicy } from '../evidence.ts'
import { isBase, type Base, type Format, type Input, type Judged, type OpenFormat } from './case.ts'
import { isWorthLess, manifestsOf } from './worth-less.ts'
import { lookalikes, mutateBase, withParts, type Mutant } from './parts.ts'
import { webVerifier } from './web-verifier.ts'

/** Evidence of one kind: which bases it starts from, and which of their pieces are changed. */
type Kind = {
  readonly name: string
  readonly what: string
  readonly takes: (base: Base) => boolean
  readonly only?: RegExp
}

const quote =
  (tee: 'sgx' | 'tdx', version: number) =>
  ({ evidence }: Base): boolean =>
    evidence.tee === tee && evidence.quote[0] === version

const of =
  (...tees: readonly Tee[]) =>
  ({ evidence }: Base): boolean =>
    tees.includes(evidence.tee)

const kinds: readonly Kind[] = [
  { name: 'sgx-v3', what: 'SGX quotes of version 3', takes: quote('sgx', 3) },
  { name: 'sgx-v4', what: 'SGX quotes of version 4', takes: quote('sgx', 4) },
  { name: 'sgx-v5', what: 'SGX quotes of version 5', takes: quote('sgx', 5) },
  { name: 'tdx-v4', what: 'TDX quotes of version 4', takes: quote('tdx', 4) },
  { name: 'tdx-v5', what: 'TDX quotes of version 5', takes: quote('tdx', 5) },
  { name: 'snp', what: 'SEV-SNP reports', takes: of('sev-snp') },
  { name: 'nvidia', what: 'NVIDIA measurements', takes: of('nvidia-gpu', 'nvidia-nvswitch') },
  { name: 'nitro', what: 'Nitro attestation documents', takes: of('aws-nitro') },
  { name: 'cca', what: 'CCA tokens', takes: of('arm-cca') },
  { name: 'psa', what: 'PSA tokens', takes: of('arm-psa') },
  { name: 'tpm', what: 'TPM quotes and all that comes with them', takes: of('tpm2') },
  {
    name: 'tpm-hcl',
    what: "Azure's blobs, and the hardware evidence in them",
    takes: ({ evidence }) => evidence.tee === 'tpm2' && evidence.hcl !== undefined,
    only: /^(?:evidence\.(?:hcl|hardwareQuote|attestationKey)|collateral)/,
  },
  {
    name: 'tpm-event-log',
    what: 'event logs and PCRs of TPM quotes',
    takes: ({ evidence }) => evidence.tee === 'tpm2' && evidence.eventLog !== undefined,
    only: /^evidence\.(?:eventLog|pcrs)/,
  },
  {
    name: 'intel-collateral',
    what: "Intel's nine documents: TCB info, QE identity, signatures, chains, revocation lists",
    takes: of('sgx', 'tdx'),
    only: /^collateral/,
  },
  {
    name: 'amd-collateral',
    what: "AMD's chain and revocation list",
    takes: of('sev-snp'),
    only: /^collateral/,
  },
  {
    name: 'nvidia-collateral',
    what: 'reference manifests and OCSP responses',
    takes: of('nvidia-gpu', 'nvidia-nvswitch'),
    only: /^collateral/,
  },
  {
    name: 'device-keys',
    what: 'keys of Arm devices and TPMs',
    takes: of('arm-cca', 'arm-psa', 'tpm2'),
    only: /^collateral\.deviceKeys/,
  },
]

/** Random and structure-aware mutants of evidence and collateral, judged whole. */
export const appraisalFormats: readonly Format[] = kinds.map(({ name, what, takes, only }) => ({
  name,
  what,
  open: async (bases) => await openKind(bases.filter(takes), only),
}))

/** How often a case is also judged without memory, and how often on WebCrypto. */
const compareEvery = 256

async function openKind(
  bases: readonly Base[],
  only: RegExp | undefined,
): Promise<OpenFormat | undefined> {
  const judge = createJudge()
  const genuine: Base[] = []
  for (const base of bases) if (await judge.learn(base)) genuine.push(base)
  if (genuine.length === 0) return undefined
  return {
    make: (index, random) => {
      const mutant = mutateBase(random.pick(genuine), genuine, random, only)
      const input = withParts(mutant.base, mutant.parts)
      const compared = index % compareEvery === 0
      return { base: mutant.base.name, input, judge: () => judge.mutant(input, mutant, compared) }
    },
    again: async (input) => await judge.alone(input),
  }
}

/** Judges bases and what became of them. */
export function createJudge() {
  const { appraise: remembering } = createAppraiser()
  const warm = (base: Base): Promise<Appraisal> =>
    remembering(base.evidence, { ...base.given, policy: anyPolicy() })
  const known = new WeakMap<Base, string>()
  const manifests = new Set<string>()
  const genuineText = async (base: Base): Promise<string> => {
    const text = known.get(base) ?? canonicalJson(await warm(base))
    known.set(base, text)
    return text
  }
  return {
    warm,
    genuineText,
    manifests,
    /** Whether a base is authentic. Its manifests are then known as genuine. */
    async learn(base: Base): Promise<boolean> {
      const appraisal = await warm(base)
      for (const manifest of manifestsOf(appraisal)) manifests.add(manifest)
      return appraisal.authentic !== false
    },
    /** Judges what became of a base: authentic only with what the base, or all that is genuine of it, says. */
    async mutant(input: Base, mutant: Mutant, compared: boolean): Promise<Judged> {
      const appraisal = await warm(input)
      const text = canonicalJson(appraisal)
      show(input, appraisal)
      const different = compared ? await differing(input, text) : undefined
      if (different !== undefined) return different
      if (appraisal.authentic === false) return refused(appraisal)
      if (text === (await genuineText(mutant.base))) return { outcome: 'unchanged' }
      const genuine = await warm(withParts(mutant.base, mutant.restored))
      const restored = canonicalJson(genuine)
      if (text === restored) return { outcome: 'unchanged but for what was left out or swapped' }
      if (isWorthLess(appraisal, genuine, manifests))
        return { outcome: 'authentic, and worth less' }
      for (const lookalike of lookalikes(mutant))
        if (sayTheSame(appraisal, await warm(lookalike))) return { outcome: 'another genuine one' }
      return falseAccept(text, restored)
    },
    /** Judges an input of which nothing else is known: it must not crash, and every way must give the same. */
    async alone(input: Input): Promise<Judged> {
      if (!isBase(input)) return { outcome: 'no evidence' }
      const appraisal = await warm(input)
      const different = await differing(input, canonicalJson(appraisal))
      if (different !== undefined) return different
      return appraisal.authentic === false ? refused(appraisal) : { outcome: 'authentic' }
    },
  }
}

function refused(appraisal: Appraisal & { readonly authentic: false }): Judged {
  return { outcome: appraisal.reject }
}

/** Whether two appraisals differ in nothing but their end: certificates of one key are issued again. */
function sayTheSame(a: Appraisal, b: Appraisal): boolean {
  return (
    a.authentic !== false &&
    a.authentic === b.authentic &&
    canonicalJson([a.claims, a.reasons]) === canonicalJson([b.claims, b.reasons])
  )
}

/** What a false accept says, and what it should have said. */
export function falseAccept(said: string, genuine: string): Judged {
  const detail = `authentic, and not as the genuine one: ${firstDifference(said, genuine)}`
  return { outcome: 'false accept', problem: { kind: 'false-accept', detail } }
}

/** Where two texts part, with some of what surrounds it. */
function firstDifference(a: string, b: string): string {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  const around = (text: string): string => text.slice(Math.max(0, at - 200), at + 300)
  return `at ${at} ${around(a)} | ${around(b)}`
}

/** Shows evidence and appraisal as the command line does: nothing but a MalformedError may come of it. */
function show({ evidence }: Base, appraisal: Appraisal): void {
  describeAppraisal(appraisal)
  evidenceFormat(evidence)
  for (const piece of Object.values(evidence)) if (piece instanceof Uint8Array) detectTee(piece)
  try {
    parseEvidence(evidence)
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
  }
}

/** Judges again without memory and on WebCrypto: the bytes have to be the same. */
async function differing(input: Base, text: string): Promise<Judged | undefined> {
  const given = { ...input.given, policy: anyPolicy() }
  const web = await webVerifier()
  for (const [name, again] of [
    ['alone', appraise],
    ['on WebCrypto', web.appraise],
  ] as const) {
    const other = canonicalJson(await again(input.evidence, given))
    if (other === text) continue
    const detail = `with memory and ${name}: ${firstDifference(text, other)}`
    return { outcome: 'not deterministic', problem: { kind: 'not-deterministic', detail } }
  }
  return undefined
}
