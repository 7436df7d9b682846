// Runs the demo with each fault that can be injected, one after another, and says whether the network defended itself.
// node scripts/injections.ts [NAME ...]; exits 1 where it did not.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { injections } from '../packages/devnet/src/inject/injections.ts'

const program = fileURLToPath(import.meta.resolve('../packages/devnet/src/demo.ts'))
const chosen = process.argv.length > 2 ? process.argv.slice(2) : [...injections.keys()]
let failed = 0
for (const name of chosen) {
  const started = performance.now()
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program, '--json', '--inject', name],
    { encoding: 'utf8', maxBuffer: 64 * 2 ** 20, stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const report = JSON.parse(stdout.trimEnd().split('\n').at(-1) || '{}')
  const seconds = Math.round((performance.now() - started) / 1000)
  console.log(
    `${status === 0 ? 'defended' : 'FAILED  '} ${name} (${seconds} s): ${report.injected?.observed ?? report.error}`,
  )
  if (status !== 0) failed++
}
process.exitCode = failed === 0 ? 0 : 1
