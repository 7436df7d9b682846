// tpm2-tools, unmodified, as the verifier of emulated quotes and logs.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeBase64, encodeHex, encodePem, type Bytes } from '@cloister/codec'
import { afterAll, expect, test } from 'vitest'
import type { AttestationKeyOptions } from '../src/index.ts'
import { flipped, nonce, startedTpm, testTpmManufacturer } from './tpm-world.ts'

// Version 5.4 verifies no RSAPSS, that of a software TPM neither.
const keys: readonly AttestationKeyOptions[] = [
  { scheme: 'rsassa' },
  { scheme: 'rsassa', hash: 'sha384' },
  { scheme: 'ecdsa' },
  { scheme: 'ecdsa', curve: 'P-384' },
]
const here = hasTools(keys.length + 1)
const folder = mkdtempSync(join(tmpdir(), 'cloister-checkquote-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.skipIf(!here).for(keys)('tpm2_checkquote verifies a quote by %o', (key) => {
  const tpm = startedTpm(testTpmManufacturer(), { key })
  const { quote, signature } = tpm.evidence({ nonce, selection: { sha256: [0, 4, 7] } })
  const verifies = (message: Bytes, signed: Bytes, qualification: Bytes): boolean =>
    spawnSync('tpm2_checkquote', [
      ...['-u', written('ak.pem', encodePem(encodeBase64(tpm.spki), 'PUBLIC KEY'))],
      ...['-m', written('quote', message), '-s', written('signature', signed)],
      ...['-q', encodeHex(qualification), '-g', tpm.key.hash],
    ]).status === 0
  expect(verifies(quote, signature, nonce)).toBe(true)
  expect(verifies(flipped(quote, 8 * 60), signature, nonce)).toBe(false)
  expect(verifies(quote, signature, Uint8Array.of(1))).toBe(false)
})

test.skipIf(!here)('tpm2_eventlog reads a log, and replays it into the quoted PCRs', () => {
  const { eventLog, pcrs } = startedTpm(testTpmManufacturer()).evidence({ nonce })
  const told = execFileSync('tpm2_eventlog', [written('log', eventLog!)], { encoding: 'utf8' })
  const sha256 = told.slice(told.lastIndexOf('  sha256:'))
  for (const pcr of [0, 4, 7, 9])
    expect(sha256).toMatch(new RegExp(`\\b${pcr} *: 0x${encodeHex(pcrs!['sha256']![pcr]!)}`))
  expect(told).toContain('EV_EFI_BOOT_SERVICES_APPLICATION')
})

function written(name: string, content: string | Bytes): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** Whether tpm2-tools are there. Where CLOISTER_REQUIRE names swtpm, their absence is an error. */
function hasTools(tests: number): boolean {
  if (spawnSync('tpm2_checkquote', ['--version']).error === undefined) return true
  const message = `SKIPPED ${tests} tests: no tpm2_checkquote on PATH (apt-get install tpm2-tools)`
  if ((process.env['CLOISTER_REQUIRE'] ?? '').split(',').includes('swtpm')) throw new Error(message)
  console.warn(message)
  return false
}
