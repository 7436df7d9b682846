// Prints how long one training step takes inside the sandbox and outside of it, in the same run. Rounds take turns, so that
// other load on the machine falls on both alike; a step's time is taken between progress messages, so starting is not in it.
// Run: node packages/enclave/test/sandbox-bench.ts [rounds]
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'

import { encodeUtf8 } from '@cloister/codec'
import { parseManifest } from '@cloister/learn'

import { buildEngine, engineFiles } from '../../../scripts/build-engine.ts'
import { clinicParameters, clinicSeed, splitClinics } from '../../devnet/src/clinics.ts'
import { askEngine, type EnginePipes } from '../src/engine/client.ts'
import { probeSandbox } from '../src/sandbox/bubblewrap.ts'
import { nodeProgram, type SandboxProgram } from '../src/sandbox/program.ts'
import { runSandboxed } from '../src/sandbox/run-sandboxed.ts'

const rounds = Number(process.argv[2] ?? 9)
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
  throw new RangeError(`Cannot measure ${process.argv[2]} rounds, expected 1 to 100`)
const epochs = 6000

const apps = new URL('../../../apps/tabular-train/', import.meta.url)
const manifest = parseManifest(readFileSync(new URL('manifest.json', apps), 'utf8'))
const split = await splitClinics(readFileSync(new URL('data/breast_cancer.csv', apps), 'utf8'))
const plan = JSON.parse(clinicParameters(split, clinicSeed))
plan.settings.epochs = epochs
const inputs = [
  ...split.clinics.map(({ csv }) => ({ role: 'data', bytes: encodeUtf8(csv) }) as const),
  { role: 'parameters', bytes: encodeUtf8(JSON.stringify(plan)) } as const,
]

const folder = mkdtempSync(join(tmpdir(), 'cloister-sandbox-bench-'))
try {
  await buildEngine(folder)
  const program = nodeProgram({
    node: process.execPath,
    files: engineFiles.map((name) => ({ from: join(folder, name), to: `/app/${name}` })),
    entry: '/app/engine.js',
  })
  if (probeSandbox(process.execPath) !== 'bubblewrap')
    throw new Error('Cannot measure the sandbox: bubblewrap does not run here; install bubblewrap')
  const inside: number[] = []
  const outside: number[] = []
  for (let round = -1; round < rounds; round++) {
    const first = round % 2 === 0
    const times = { inside: 0, outside: 0 }
    for (const where of first ? (['inside', 'outside'] as const) : (['outside', 'inside'] as const))
      times[where] = where === 'inside' ? await confined(program) : await free(folder)
    if (round < 0) continue // The first round warms the disk cache.
    inside.push(times.inside)
    outside.push(times.outside)
  }
  console.log(
    `${cpus()[0]?.model ?? 'unknown'} x${cpus().length}, Node ${process.version}, ${rounds} rounds of ${epochs} epochs`,
  )
  console.log(`${median(inside).toFixed(4)} ms an epoch inside the sandbox`)
  console.log(`${median(outside).toFixed(4)} ms an epoch outside`)
  console.log(JSON.stringify({ sandboxOfPlain: median(inside.map((t, i) => t / outside[i]!)) }))
} finally {
  rmSync(folder, { recursive: true })
}

async function confined(program: SandboxProgram): Promise<number> {
  const limits = {
    ...{ memoryBytes: 2 ** 31, cpus: 1, processesMax: 88 },
    ...{ wallSeconds: 180, cpuSeconds: 120, tmpBytes: 16 << 20 },
  }
  const run = await runSandboxed(program, limits, 'bubblewrap')
  try {
    return await timeOf({ stdin: run.input, stdout: run.output })
  } finally {
    run.kill()
    await run.ended
  }
}

async function free(engine: string): Promise<number> {
  const child = spawn(process.execPath, [join(engine, 'engine.js')], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ORT_DISABLE_TELEMETRY: '1' },
  })
  try {
    return await timeOf(child)
  } finally {
    child.kill('SIGKILL')
  }
}

/** Milliseconds of one unit of progress. */
async function timeOf(pipes: EnginePipes): Promise<number> {
  const seen: { readonly done: number; readonly at: number }[] = []
  const message = await askEngine(pipes, manifest, inputs, {
    onProgress: (done) => seen.push({ done, at: performance.now() }),
  })
  const [first, last] = [seen[0], seen.at(-1)]
  if (message.kind === 'failed' || first === undefined || last === undefined || seen.length < 2)
    throw new Error(`Nothing was measured: ${JSON.stringify(message).slice(0, 200)}`)
  return (last.at - first.at) / (last.done - first.done)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
