// Runs every benchmark of the project, one after another, and writes what came out to docs/performance.md.
// Ratios are taken inside one run each; absolute figures belong to the machine that is named.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'

import { assert, parseJson, type Json } from '@cloister/codec'

const root = fileURLToPath(new URL('..', import.meta.url))

/** One promise about speed, the figure that a run gave, and whether it holds. */
type Figure = {
  readonly what: string
  readonly target: string
  readonly measured: string
  readonly holds: boolean
}

const appraisal = lastLine('packages/attest/test/dcap-bench.ts')
const floors = {
  'SEV-SNP': lastLine('packages/attest/test/snp-bench.ts'),
  Nitro: lastLine('packages/attest/test/nitro-bench.ts'),
  NVIDIA: lastLine('packages/attest/test/nvidia-bench.ts'),
}
const workers = lastLine('packages/attest/test/worker-bench.ts')
const sealing = lastLine('packages/seal/test/seal-bench.ts', '256')
const sandbox = lastLine('packages/enclave/test/sandbox-bench.ts')
const app = lastLine('packages/enclave/test/app-bench.ts')
const session = lastLine('packages/enclave/test/session-bench.ts')
const torch = lastLine('packages/learn/test/torch-bench.ts')
const inference = lastLine('scripts/inference-bench.ts')
const devnet = lastLine('scripts/devnet-bench.ts')
const demo = lastLine('packages/devnet/src/demo.ts', '--json')

const figures: readonly Figure[] = [
  ...(['sgx', 'tdx'] as const).flatMap((tee) => [
    atLeast(
      `${tee.toUpperCase()} appraisal, CA and collateral cached, a new PCK certificate each time: ratio to \`@phala/dcap-qvl\``,
      8,
      number(appraisal, `${tee}Machines`),
    ),
    atLeast(
      `${tee.toUpperCase()} appraisal, PCK certificate cached too: ratio to \`@phala/dcap-qvl\``,
      12,
      number(appraisal, `${tee}Warm`),
    ),
    atLeast(
      `${tee.toUpperCase()} appraisal, PCK certificate cached too: part of three bare P-256 verifications`,
      0.65,
      number(appraisal, `${tee}WarmOfFloor`),
    ),
    atLeast(
      `${tee.toUpperCase()} appraisal, nothing cached: ratio to \`@phala/dcap-qvl\``,
      3,
      number(appraisal, `${tee}Cold`),
    ),
  ]),
  ...Object.entries(floors).map(([name, line]) =>
    atLeast(
      `${name} appraisal, authorities and collateral cached: part of the P-384 verifications that it can't do without`,
      0.85,
      number(line, 'warmOfFloor'),
    ),
  ),
  atLeast('TDX appraisal, two worker threads: ratio to one', 1.8, number(workers, 'twoOfOne')),
  atLeast(
    'sealing a stream: ratio to a bare loop of 16 KiB AES-256-GCM calls',
    0.8,
    number(sealing, 'sealOfBare'),
  ),
  atLeast(
    'opening a stream: ratio to a bare loop of 16 KiB AES-256-GCM calls',
    0.8,
    number(sealing, 'openOfBare'),
  ),
  atLeast(
    'sealing in parts, each with its SHA-256: ratio to that loop and a bare SHA-256 of the same bytes',
    0.8,
    number(sealing, 'sealPartsOfBare'),
  ),
  atLeast(
    'opening parts, each held against its SHA-256 first: ratio to that loop and a bare SHA-256 of the same bytes',
    0.8,
    number(sealing, 'openPartsOfBare'),
  ),
  atLeast(
    "digest of an app's bundle: megabytes per second",
    500,
    number(app, 'digestMegabytesPerSecond'),
  ),
  atMost(
    'start of Node in the sandbox: milliseconds over bare Node',
    60,
    number(app, 'sandboxStartMilliseconds'),
  ),
  atMost(
    'training step inside the sandbox: ratio to the same step outside',
    1.05,
    number(sandbox, 'sandboxOfPlain'),
  ),
  atLeast(
    'small inferences in a minute through one session, sealed and signed for, one after the other',
    1000,
    number(session, 'inferencesPerMinute'),
  ),
  ...trainingFigures(torch),
  atMost(
    'first token through the proxy, session and node: milliseconds more than from the bundle itself',
    30,
    number(inference, 'overheadMs'),
  ),
  atMost('devnet up, seconds', 15, number(devnet, 'seconds')),
  atMost('demo after install, seconds, all that it compiles included', 60, number(demo, 'seconds')),
]

writeFileSync(`${root}/docs/performance.md`, page())
for (const { what, target, measured, holds } of figures)
  console.log(`${holds ? 'holds ' : 'MISSED'}  ${what}: ${measured} (target ${target})`)

/** Training against PyTorch: nothing, and loudly so, where it is not installed. */
function trainingFigures(line: Json): readonly Figure[] {
  if (Object.keys(line ?? {}).includes('skipped')) {
    console.log('SKIPPED training against PyTorch: install python3-torch and libopenblas0-pthread')
    return []
  }
  const targets = { mlp: 0.8, logistic: 0.8, gpt: 0.8, cnn: 1.4 }
  return Object.entries(targets).map(([name, target]) =>
    atMost(
      `training step of ${name}, one thread: ratio to PyTorch's time for the same step`,
      target,
      number(line, name),
    ),
  )
}

/** Runs a program of the project and reads the JSON object in its last line of standard output. */
function lastLine(program: string, ...args: readonly string[]): Json {
  console.log(`> ${program} ${args.join(' ')}`)
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program, ...args],
    { cwd: root, encoding: 'utf8', maxBuffer: 64 * 2 ** 20, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  assert(status === 0, `${program} ends with 0, and not ${status}`)
  return parseJson(stdout.trimEnd().split('\n').at(-1) ?? '', program, {
    charactersMax: 2 ** 20,
    depthMax: 16,
  })
}

function number(value: Json, name: string): number {
  const found = Object.entries(value ?? {}).find(([key]) => key === name)?.[1]
  assert(typeof found === 'number', `a benchmark gives the number ${name}`)
  return found
}

function atLeast(what: string, target: number, measured: number): Figure {
  return { what, target: `>= ${target}`, measured: measured.toFixed(2), holds: measured >= target }
}

function atMost(what: string, target: number, measured: number): Figure {
  return { what, target: `<= ${target}`, measured: measured.toFixed(2), holds: measured <= target }
}

function page(): string {
  const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.versions.node}`
  return `# Performance

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${machine}. Losses stand here like wins.

| what | target | measured | holds |
| --- | --- | --- | --- |
${figures.map(({ what, target, measured, holds }) => `| ${what} | ${target} | ${measured} | ${holds ? 'yes' : '**no**'} |`).join('\n')}

How each is measured:

- Appraisal: \`packages/attest/test/dcap-bench.ts\`. Medians of processor time over short rounds that take turns. All three signatures of a quote (PCK
  certificate, report of the quoting enclave, quote) are recomputed and TCB and policy judged anew each time; authorities and collateral are kept, and with
  the PCK certificate its imported keys. Real samples where they are at hand, else emulated ones; a new certificate each time is 200 emulated machines in turn.
- SEV-SNP, Nitro, NVIDIA: \`packages/attest/test/{snp,nitro,nvidia}-bench.ts\`, in the same way. The floor is what has to be computed for each piece of evidence:
  one P-384 verification for a report, two for a document or a device (its own signature, and that of its leaf certificate).
- Workers: \`packages/attest/test/worker-bench.ts\`. Threads with an appraiser each; wall time, so it needs two idle processors.
- Sealing: \`packages/seal/test/seal-bench.ts\`, 256 MiB. Processor time, best of seven rounds that take turns. SHA-256 alone costs more than AES here, so that parts, which are
  named by it, can't reach 0.8 of AES by itself: their baseline computes both.
- Bundles and sandbox start: \`packages/enclave/test/app-bench.ts\`. 320 MB in 530 files in memory, each hashed for itself and once more as part of the archive; a script that does nothing, from spawn to its end.
- Sandbox: \`packages/enclave/test/sandbox-bench.ts\`. The demo's training with 1,000 epochs; time between progress messages, so that starting is not in it.
- Training: \`packages/learn/test/torch-bench.ts\`. Same rows, same first weights, same batches, best epoch of three rounds that take turns; losses are compared. Debian's
  \`python3-torch\` with \`libopenblas0-pthread\`; left out where there is none.
- Devnet: \`scripts/devnet-bench.ts\`: \`startDevnet\` until all nodes are certified. Blocks are made once a second, so no figure can be better than the number of blocks it waits for.
- Demo: \`npm run demo -- --json\`, its own \`seconds\`.
`
}
