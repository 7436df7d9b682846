import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { strictPolicy } from '@cloister/attest'
import { unixSeconds, type UnixSeconds } from '@cloister/codec'
import { readEvidence, type FoundEvidence } from '../../src/index.ts'

const root = process.env['CLOISTER_EVIDENCE'] ?? '../shared/evidence'
const required = (process.env['CLOISTER_REQUIRE'] ?? '').split(',').includes('evidence')

/** Whether real evidence is there. Where it is required and absent, this throws. */
export function hasEvidence(tests: number): boolean {
  if (existsSync(join(root, 'snp'))) return true
  const message = `SKIPPED ${tests} tests: no evidence at ${root} (set CLOISTER_EVIDENCE)`
  if (required) throw new Error(`CLOISTER_REQUIRE names evidence, but: ${message}`)
  console.warn(message)
  return false
}

/** A real sample, with the documents beside it, and when it is to be judged: `now` where it does not say. */
export function readSample(
  name: string,
  now = unixSeconds(0),
): FoundEvidence & { readonly now: UnixSeconds; readonly file: (name: string) => Buffer } {
  const folder = join(root, name)
  const { verifyAt } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
  return {
    ...readEvidence(folder),
    now: typeof verifyAt === 'string' ? unixSeconds(Date.parse(verifyAt) / 1000) : now,
    file: (file) => readFileSync(join(folder, file)),
  }
}

/** A policy that wants nothing but what makes evidence authentic. */
export const anything = strictPolicy({
  measurements: 'any',
  reportData: 'any',
  machineIds: 'any',
})
