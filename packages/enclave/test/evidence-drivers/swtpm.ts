// A software TPM of its own for each test, in a folder of its own, behind a unix socket.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

const packages = 'swtpm tpm2-tools libtss2-tcti-swtpm0'
const required = (process.env['CLOISTER_REQUIRE'] ?? '').split(',').includes('swtpm')

/** Whether a software TPM and the tools are there. Where they are required and absent, this throws. */
export function hasSwtpm(tests: number): boolean {
  const missing = ['swtpm', 'tpm2_quote'].filter(
    (program) => spawnSync(program, ['--version']).error !== undefined,
  )
  if (missing.length === 0) return true
  const message = `SKIPPED ${tests} tests: no ${missing.join(', ')} on PATH (apt-get install ${packages})`
  if (required) throw new Error(`CLOISTER_REQUIRE names swtpm, but: ${message}`)
  console.warn(message)
  return false
}

/** A running software TPM. */
export type Swtpm = {
  readonly tcti: string
  /** Runs one of tpm2-tools by hand. */
  readonly tool: (name: string, ...args: readonly string[]) => string
  readonly stop: () => Promise<void>
}

/** Starts a software TPM with empty PCRs and new seeds. */
export async function startSwtpm(): Promise<Swtpm> {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-swtpm-'))
  const state = join(folder, 'state')
  mkdirSync(state)
  const socket = join(folder, 'tpm')
  const child = spawn(
    'swtpm',
    [
      ...['socket', '--tpm2', '--tpmstate', `dir=${state}`],
      ...['--server', `type=unixio,path=${socket}`],
      ...['--ctrl', `type=unixio,path=${socket}.ctrl`], // Where the tools look for it.
      ...['--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  for (let step = 0; !existsSync(`${socket}.ctrl`) || !existsSync(socket); step++) {
    if (step > 100 || child.exitCode !== null) throw new Error('swtpm does not start')
    await wait(50)
  }
  const tcti = `swtpm:path=${socket}`
  return {
    tcti,
    tool: (name, ...args) => execFileSync(name, ['--tcti', tcti, ...args], { encoding: 'utf8' }),
    stop: async () => {
      child.kill()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
