import { expect, test } from 'vitest'

import { hasEvidence } from './evidence.ts'
import {
  appraiseCase,
  outcomeOf,
  readCorpus,
  readMutatedCorpus,
  type Case,
} from './whole-corpus.ts'

const here = hasEvidence(2)

test.skipIf(!here)(
  'all 103 samples come out as their vendors say, and the table is printed',
  async () => {
    const cases = await readCorpus()
    expect(cases).toHaveLength(103)
    await expectAll(cases, (got, name) => got === name)
  },
)

test.skipIf(!here)('all 23 mutations are refused for what was mutated', async () => {
  const cases = readMutatedCorpus()
  expect(cases).toHaveLength(23)
  // A mutation names a class of codes: NOT_YET_VALID, CRL_INVALID.
  await expectAll(cases, (got, name) => got.includes(name))
})

async function expectAll(
  cases: readonly Case[],
  fits: (got: string, name: string) => boolean,
): Promise<void> {
  const rows: string[] = []
  const wrong: string[] = []
  for (const sample of cases) {
    const got = outcomeOf(await appraiseCase(sample))
    const { expected } = sample
    const names = expected.rejectAnyOf ?? [expected.reject]
    const holds =
      got.authentic === expected.authentic &&
      names.some((name) => fits(got.reject ?? '', name ?? '')) &&
      (got.reject === null) === (expected.reject === null) &&
      (expected.tcbStatus === null || got.tcbStatus === expected.tcbStatus) &&
      (expected.debug === null || got.authentic === false || got.debug === expected.debug)
    const said =
      got.reject ?? [got.tcbStatus, got.debug === true && 'debug'].filter(Boolean).join(' ')
    const row = `${holds ? 'as expected' : 'WRONG      '}  ${sample.name.padEnd(72)} ${String(got.authentic).padEnd(10)} ${said}`
    rows.push(row)
    if (!holds) wrong.push(`${row}, expected ${JSON.stringify(expected)}`)
  }
  console.log(rows.join('\n'))
  expect(wrong).toEqual([])
}
