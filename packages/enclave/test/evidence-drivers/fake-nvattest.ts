// A program that answers as NVIDIA documents `nvattest`, or misbehaves on demand. Started by its path, without a shell.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** A program, and what it was called with. */
export type FakeProgram = { readonly path: string; readonly calls: () => readonly string[][] }

/**
 * Writes a program of this body. It may use `args`, `value(option)`, `print(answer)` and
 * `device(nonceHex, first)`, one device's evidence whose bytes after the request begin at `first`.
 */
export function fakeProgram(body: string): FakeProgram {
  const folder = mkdtempSync(join(tmpdir(), 'nvattest-'))
  folders.push(folder)
  const path = join(folder, 'nvattest')
  const log = join(folder, 'calls')
  const prelude = `#!${process.execPath}
const args = process.argv.slice(2)
require('node:fs').appendFileSync(${JSON.stringify(log)}, JSON.stringify(args) + '\\n')
const value = (option) => args[args.indexOf(option) + 1]
const print = (answer) => console.log(JSON.stringify(answer, undefined, 4))
const device = (nonce, first) => ({
  version: '1.0', arch: 'HOPPER', nonce, vbios_version: '96.00.00.00.01', driver_version: '575.03',
  evidence: Buffer.concat([
    Buffer.from('11e001ff' + nonce + '00', 'hex'), Buffer.from([0x11, 0x60, first]),
  ]).toString('base64'),
  certificate: Buffer.from('-----BEGIN CERTIFICATE-----\\nAA==\\n-----END CERTIFICATE-----\\n').toString('base64'),
})
`
  writeFileSync(path, prelude + body)
  chmodSync(path, 0o755)
  return {
    path,
    calls: () =>
      readFileSync(log, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
  }
}
