// Everything that must hold before a change is done, one line per check, stopping at nothing: all failures are shown.
import { spawnSync } from 'node:child_process'

/** A check's name and its command. Tests run last: they take longest. */
const checks: readonly (readonly [name: string, command: string, ...arguments_: string[]])[] = [
  ['format', 'oxfmt', '--check', 'packages', 'scripts'],
  ['lint', 'oxlint', '--type-aware', 'packages', 'scripts'],
  ['types', 'tsc', '-p', '.'],
  ['browser types', 'tsc', '-p', 'tsconfig.web.json'],
  ['layers and sizes', 'node', 'scripts/tidy.ts'],
  ['unused code', 'knip', '--no-config-hints'],
  ['contract format', 'forge', 'fmt', '--check'],
  ['generated code is fresh', 'node', 'scripts/generate.ts', '--check'],
  ['mutations fit the source', 'node', 'scripts/mutants.ts', '--check'],
  ['contracts', 'forge', 'test'],
  ['tests', 'node', 'node_modules/vitest/vitest.mjs', 'run'],
]

const except = process.argv[2] === '--except' ? process.argv.slice(3) : []
const unknown = (except.length > 0 ? except : process.argv.slice(2)).filter(
  (name) => !checks.some(([check]) => check === name),
)
if (unknown.length > 0) {
  console.error(
    `No check is named ${unknown.join(', ')}. Usage: ok [--except NAME...]. Known: ${checks.map(([name]) => name).join(', ')}`,
  )
  process.exit(2)
}

const failed: string[] = []
for (const [name, command, ...arguments_] of checks) {
  if (except.includes(name)) continue
  const started = performance.now()
  console.log(`\n> ${name}`)
  const { status, error } = spawnSync(`node_modules/.bin/${command}`, arguments_, {
    stdio: 'inherit',
  })
  if (error) console.error(`Cannot run ${command}: ${error.message}. Run npm ci first`)
  if (status !== 0) failed.push(name)
  console.log(
    `${status === 0 ? 'ok' : 'FAILED'}: ${name} (${Math.round(performance.now() - started)} ms)`,
  )
}

console.log(failed.length === 0 ? '\nAll checks hold' : `\nFailed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
