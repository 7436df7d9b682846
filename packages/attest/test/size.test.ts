import { gzipSync } from 'node:zlib'

import { rolldown } from 'rolldown'
import { expect, test } from 'vitest'

/** Most bytes, minified and gzipped, that judging one kind of evidence may cost a web page: policy and words included. */
const budgets: Readonly<Record<string, number>> = {
  appraiseTdx: 35_000,
  appraiseSgx: 35_000,
  appraiseSnp: 35_000,
  appraiseNitro: 35_000,
  appraiseCca: 35_000,
  appraisePsa: 35_000,
  appraiseNvidia: 35_000,
  appraiseTpm: 60_000, // It judges the SNP or TDX report below a vTPM too.
  appraise: 80_000,
}

const sizes: string[] = []

test.for(Object.entries(budgets))('%s fits into %d bytes', async ([name, budget]) => {
  const size = await sizeOf(name)
  sizes.push(`${name} ${size} of ${budget}`)
  if (sizes.length === Object.keys(budgets).length) console.log(sizes.join('\n'))
  expect(size).toBeLessThanOrEqual(budget)
})

async function sizeOf(name: string): Promise<number> {
  const bundle = await rolldown({
    input: 'page',
    platform: 'browser',
    logLevel: 'silent',
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === 'page' ? '\0page' : undefined),
        load: (id) =>
          id === '\0page'
            ? `export { ${name}, strictPolicy, productionAnchors, describeAppraisal, parseCollateral } from '@cloister/attest'`
            : undefined,
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'esm', minify: true })
  await bundle.close()
  return gzipSync(output[0].code, { level: 9 }).length
}
