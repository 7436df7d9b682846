import { beforeAll, describe, expect, test } from 'vitest'
import { readBases } from './bases.ts'
import type { Format } from './case.ts'
import { intelBases } from './emulated-intel.ts'
import type { Finding } from './finding.ts'
import {
  evidenceFormats,
  flipFormats,
  formatNamed,
  parserFormats,
  resignedFormats,
} from './formats.ts'
import { Random } from './random.ts'
import { runCampaign, type Campaign, type Tally } from './runner.ts'

/** The short form: `npm run fuzz` is the long one. Another seed each day is no test, so it is always the same. */
const seed = 'short'

describe.concurrent('the fuzzer itself', () => {
  test('a case that crashes, hangs, fills the memory or passes as another is found, and the others are judged', async () => {
    const expected: Readonly<Record<string, readonly [string, string]>> = {
      'self-test-crash': ['crash', 'a crash on purpose'],
      'self-test-stuck': ['hang', 'no answer within 6000 ms'],
      'self-test-silent': ['hang', 'no answer within 6000 ms'],
      'self-test-memory': ['memory', 'memory'],
      'self-test-false-accept': ['false-accept', 'not as the genuine one'],
    }
    const { tallies, findings } = await run({
      bases: [],
      formats: Object.keys(expected),
      count: 3,
      workers: 2,
      stuckMilliseconds: 6000,
      heapMebibytes: 128,
    })
    const found = findings.toSorted((a, b) => (a.format < b.format ? -1 : 1))
    expect(found.map(({ format }) => format)).toEqual(Object.keys(expected).toSorted())
    for (const { format, index, problem } of found) {
      const [kind, detail] = expected[format] ?? []
      expect([index, problem.kind], format).toEqual([1, kind])
      expect(problem.detail, format).toContain(detail)
    }
    for (const { format, cases } of tallies) expect(cases, format).toBe(3)
  })

  test('a case that takes longer than a second of its own thread is a hang', async () => {
    const slow = { bases: [], formats: ['self-test-slow'], count: 3, workers: 1 }
    const { findings } = await run({ ...slow, stuckMilliseconds: 30_000 })
    expect(findings.map(({ index, problem }) => [index, problem.kind])).toEqual([[1, 'hang']])
    expect(findings[0]?.problem.detail).toContain('ms of processor time')
  })

  test('one of its two copies of the package computes with WebCrypto, and no other', async () => {
    const only = { bases: [], formats: ['self-test-web'], count: 3, workers: 1 }
    const { tallies, findings } = await run(only)
    expect(findings).toEqual([])
    expect(tallies[0]?.outcomes).toEqual(new Map([['well', 3]]))
  })

  test('a case follows from the seed and its number', async () => {
    const format = await parserFormats.find(({ name }) => name === 'json')?.open(intelBases())
    const made = (chosen: string) =>
      Array.from({ length: 50 }, (_, at) => format?.make(at, new Random(`${chosen}/${at}`)).input)
    expect(made('a')).toEqual(made('a'))
    expect(made('a')).not.toEqual(made('b'))
  })
})

describe('0 crashes, 0 hangs, 0 false accepts', () => {
  const kinds: readonly (readonly [string, readonly Format[], number])[] = [
    ['mutants of evidence and collateral', evidenceFormats, 150],
    ['mutants given to parsers', parserFormats, 1000],
    ['flipped bits', flipFormats, 100],
    ['mutants signed again', resignedFormats, 100],
    ['quotes judged beside a third party', [formatNamed('dcap-qvl')!], 300],
    ['vectors', [formatNamed('vectors')!], 1000],
  ]
  let ran: Awaited<ReturnType<typeof run>> | undefined
  beforeAll(async () => {
    const counts = kinds.flatMap(([, chosen, count]) =>
      chosen.map(({ name }) => [name, count] as const),
    )
    ran = await run({
      bases: await readBases(),
      formats: counts.map(([name]) => name),
      count: 0,
      counts: new Map(counts),
      workers: 2,
    })
  })

  test.for(kinds)('%s', ([, chosen]) => {
    const names = chosen.map(({ name }) => name)
    const found = ran?.findings.filter(({ format }) => names.includes(format))
    expect(found?.map(({ format, problem }) => ({ format, ...problem }))).toEqual([])
    // Emulated samples exist of every kind: nothing is skipped.
    const judged = ran?.tallies.filter(({ format, cases }) => names.includes(format) && cases > 0)
    expect(judged?.map(({ format }) => format)).toEqual(names)
  })
})

async function run(
  campaign: Omit<Campaign, 'seed' | 'onFinding'> & { readonly seed?: string },
): Promise<{ readonly tallies: readonly Tally[]; readonly findings: readonly Finding[] }> {
  const findings: Finding[] = []
  const tallies = await runCampaign({
    seed,
    ...campaign,
    onFinding: (finding) => findings.push(finding),
  })
  return { tallies, findings }
}
