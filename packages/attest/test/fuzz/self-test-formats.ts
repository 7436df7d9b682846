import { appraise } from '@cloister/attest'
import { anyPolicy } from '../evidence.ts'
import { createJudge } from './appraisal-formats.ts'
import type { Case, Format, Judged } from './case.ts'
import { createIntelMachine, tdRequest } from './emulated-intel.ts'
import { partsOf, withParts } from './parts.ts'
import { webVerifier } from './web-verifier.ts'

/** Formats that go wrong on purpose at case 1: what the fuzzer itself is tested with. */
export const selfTestFormats: readonly Format[] = [
  failing('self-test-crash', () => {
    throw new TypeError('a crash on purpose')
  }),
  failing('self-test-slow', () => spin(1200)),
  failing('self-test-stuck', () => spin(Infinity)),
  failing('self-test-silent', () => new Promise<Judged>(() => {})),
  failing('self-test-memory', () => fill()),
  failing('self-test-false-accept', judgeOther),
  failing('self-test-web', judgeOnWeb),
]

function failing(name: string, fail: () => Promise<Judged> | Judged): Format {
  return {
    name,
    what: 'goes wrong on purpose',
    open: async () => ({
      total: 3,
      make: (index): Case => ({
        base: name,
        input: `case ${index}`,
        judge: () => (index === 1 ? fail() : { outcome: 'well' }),
      }),
      again: () => ({ outcome: 'well' }),
    }),
  }
}

/** Works for so long by the thread's own time: how busy the machine is makes no difference. */
function spin(milliseconds: number): Judged {
  const before = process.threadCpuUsage()
  for (;;) {
    const { user, system } = process.threadCpuUsage(before)
    if ((user + system) / 1000 > milliseconds) return { outcome: 'late' }
  }
}

function fill(): Judged {
  const kept: number[][] = []
  for (;;) kept.push(Array.from({ length: 100_000 }, (_, index) => index + kept.length))
}

/** The quote of one TD in the place of another's: authentic, and not what the base says. */
async function judgeOther(): Promise<Judged> {
  const { platform, given } = createIntelMachine()
  const base = {
    name: 'a TD',
    evidence: { tee: 'tdx', quote: platform.quote({ ...tdRequest, debug: true }) } as const,
    given: given('tdx'),
  }
  const restored = partsOf(base)
  const parts = new Map([...restored, ['evidence.quote', platform.quote(tdRequest)]])
  const mutant = { base, parts, restored, donors: [] }
  return await createJudge().mutant(withParts(base, parts), mutant, true)
}

/** Well where the second copy of the package gives the same, and WebCrypto computed it. */
async function judgeOnWeb(): Promise<Judged> {
  const { platform, given } = createIntelMachine()
  const evidence = { tee: 'tdx', quote: platform.quote(tdRequest) } as const
  const judgedBy = { ...given('tdx'), policy: anyPolicy() }
  const verify = crypto.subtle.verify.bind(crypto.subtle)
  let verified = 0
  crypto.subtle.verify = (...args: Parameters<typeof verify>) => {
    verified++
    return verify(...args)
  }
  try {
    const web = await webVerifier()
    const { authentic } = await web.appraise(evidence, judgedBy)
    const onWeb = verified
    await appraise(evidence, judgedBy)
    // Ten signatures: those of a quote and of all its collateral. Node's own door computes none of them.
    if (authentic === true && onWeb === 10 && verified === 10) return { outcome: 'well' }
    const detail = `${authentic}, ${onWeb} and ${verified} signatures by WebCrypto`
    return { outcome: 'not on WebCrypto', problem: { kind: 'invariant', detail } }
  } finally {
    crypto.subtle.verify = verify
  }
}
