import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { codeManifest } from '../drivers/app-runner.ts'
import { attempts, engineAttempts, grantBytesMax } from './attempts.ts'
import { bitsOf } from './observe.ts'
import type { Attempt } from './attempt.ts'

const page = readFileSync(new URL('../../../../docs/leaks.md', import.meta.url), 'utf8')

function verdictOf(attempt: Attempt): string {
  if (attempt.verdict === 'blocked') return 'blocked'
  const { outputs, metrics, limits } = attempt
  const bundle = { digest: `0x${'00'.repeat(32)}`, bytes: 1, entry: ['main.js'] }
  const given = { ...(outputs && { outputs }), ...(metrics && { metrics }), ...(limits && { limits }) } // prettier-ignore
  const manifest = codeManifest({ driver: 'js', bundle, ...given })
  const bits = bitsOf(attempt.verdict, manifest, grantBytesMax)
  return `capped: ${Number(bits.toFixed(1))} bits`
}

test('docs/leaks.md lists each app of the suite with its channel and verdict, and no other', () => {
  const rows = page.split('\n').filter((line) => /^\| [^|]+ \| [^|]+ \| (blocked|capped: [^|]+) \|$/.test(line)) // prettier-ignore
  const expected = [
    ...attempts.map((attempt) => `| ${attempt.name} | ${attempt.channel} | ${verdictOf(attempt)} |`),
    ...engineAttempts.map(({ name, channel, verdict }) => `| ${name} | ${channel} | ${verdict} |`),
  ] // prettier-ignore
  expect(rows).toEqual(expected)
  expect(new Set(rows).size).toBe(rows.length)
  expect(rows.length).toBeGreaterThanOrEqual(50)
})
