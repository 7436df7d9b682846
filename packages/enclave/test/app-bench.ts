// Prints how fast a bundle's digest is made, and how much longer Node takes to start in the sandbox than outside, in the same run.
// Run: node packages/enclave/test/app-bench.ts [rounds]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'

import { memoryFolder } from '../src/bundle/memory-folder.ts'
import { scanFolder } from '../src/bundle/scan-folder.ts'
import { probeSandbox } from '../src/sandbox/bubblewrap.ts'
import { nodeProgram } from '../src/sandbox/program.ts'
import { runSandboxed } from '../src/sandbox/run-sandboxed.ts'

const rounds = Number(process.argv[2] ?? 15)
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
  throw new RangeError(`Cannot measure ${process.argv[2]} rounds, expected 1 to 100`)

const folder = mkdtempSync(join(memoryFolder(), 'cloister-bench-'))
try {
  if (probeSandbox(process.execPath) !== 'bubblewrap')
    throw new Error('Cannot measure the sandbox: bubblewrap does not run here; install bubblewrap')
  const digest = digestRate()
  const script = join(folder, 'nothing.mjs')
  writeFileSync(script, '')
  const inside: number[] = []
  const outside: number[] = []
  for (let round = -1; round < rounds; round++) {
    const times = [await confined(script), await free(script)] as const
    if (round < 0) continue // The first round warms the disk cache.
    inside.push(times[0])
    outside.push(times[1])
  }
  console.log(`${cpus()[0]?.model ?? 'unknown'} x${cpus().length}, Node ${process.version}`)
  console.log(
    `${median(inside).toFixed(1)} ms for Node in the sandbox, ${median(outside).toFixed(1)} ms outside`,
  )
  console.log(
    JSON.stringify({
      digestMegabytesPerSecond: Math.round(digest),
      sandboxStartMilliseconds: Number((median(inside) - median(outside)).toFixed(1)),
    }),
  )
} finally {
  rmSync(folder, { recursive: true })
}

// 320 MB in 500 small files and 30 large ones.
function digestRate(): number {
  const tree = join(folder, 'tree')
  mkdirSync(tree)
  for (let index = 0; index < 500; index++)
    writeFileSync(join(tree, `small-${index}`), Buffer.alloc(40_000, index % 251))
  for (let index = 0; index < 30; index++)
    writeFileSync(join(tree, `large-${index}`), Buffer.alloc(10_000_000, index))
  const rates = Array.from({ length: 3 }, () => {
    const began = performance.now()
    const { bytes } = scanFolder(tree)
    return bytes / 1e3 / (performance.now() - began)
  })
  return Math.max(...rates)
}

async function confined(script: string): Promise<number> {
  const limits = {
    ...{ memoryBytes: 2 ** 29, cpus: 1, processesMax: 64 },
    ...{ wallSeconds: 20, cpuSeconds: 20, tmpBytes: 1 << 20 },
  }
  const files = [{ from: script, to: '/app/nothing.mjs' }]
  const program = nodeProgram({ node: process.execPath, files, entry: '/app/nothing.mjs' })
  const began = performance.now()
  const run = await runSandboxed(program, limits, 'bubblewrap')
  run.input.end()
  run.output.resume()
  await once(run.output, 'close')
  const took = performance.now() - began
  await run.ended
  return took
}

async function free(script: string): Promise<number> {
  const began = performance.now()
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'ignore'], env: {} })
  child.stdout.resume()
  await once(child.stdout, 'close')
  const took = performance.now() - began
  child.kill('SIGKILL')
  return took
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
