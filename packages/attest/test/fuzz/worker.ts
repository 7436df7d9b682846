// Makes and judges cases, a run of them at a time, for the runner that watches over it.
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '@cloister/codec'
import type { Base, Case, Judged, OpenFormat, Problem } from './case.ts'
import type { Finding } from './finding.ts'
import { formatNamed } from './formats.ts'
import { Random } from './random.ts'

/** What a worker is started with. */
export type WorkerStart = {
  readonly bases: readonly Base[]
  readonly seed: string
  /** The number of the case that is judged, and when that began in milliseconds since 1970: for the watchdog. */
  readonly beat: SharedArrayBuffer
}

/** A run of cases of one format. */
export type Run = { readonly format: string; readonly from: number; readonly count: number }

/** What a worker answers to a run. */
export type Answer =
  | { readonly kind: 'finding'; readonly finding: Finding }
  | { readonly kind: 'opened'; readonly format: string; readonly total: number | undefined }
  | { readonly kind: 'nothing'; readonly format: string }
  | {
      readonly kind: 'done'
      readonly run: Run
      readonly outcomes: Readonly<Record<string, number>>
    }

/** A case that takes longer than this is a hang. */
export const hangMilliseconds = 1000

const port = parentPort
assert(port !== null, 'a worker has a port')
const { bases, seed, beat }: WorkerStart = workerData
const beats = new Float64Array(beat)
const opened = new Map<string, OpenFormat | undefined>()

port.on('message', (run: Run) => {
  void judgeRun(run)
})

async function judgeRun(run: Run): Promise<void> {
  const format = await open(run.format)
  if (format === undefined) return answer({ kind: 'nothing', format: run.format })
  const outcomes = new Map<string, number>()
  const count = Math.min(run.count, (format.total ?? Infinity) - run.from)
  for (let index = run.from; index < run.from + count; index++) {
    beats[0] = index
    beats[1] = Date.now()
    const outcome = await judgeCase(run.format, format, index)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  beats[1] = 0
  answer({ kind: 'done', run, outcomes: Object.fromEntries(outcomes) })
}

async function open(name: string): Promise<OpenFormat | undefined> {
  if (opened.has(name)) return opened.get(name)
  const format = await formatNamed(name)?.open(bases)
  opened.set(name, format)
  if (format) answer({ kind: 'opened', format: name, total: format.total })
  return format
}

async function judgeCase(name: string, format: OpenFormat, index: number): Promise<string> {
  const make = (): Case => format.make(index, new Random(`${seed}/${name}/${index}`))
  const made = make()
  const found = (problem: Problem): void =>
    answer({
      kind: 'finding',
      finding: { format: name, seed, index, base: made.base, problem, input: made.input },
    })
  const start = performance.now()
  const judged = await judge(made)
  if (judged.problem) found(judged.problem)
  if (performance.now() - start > hangMilliseconds) {
    // The machine may have been busy with something else: what counts is this thread's own time.
    const before = process.threadCpuUsage()
    await judge(make())
    const { user, system } = process.threadCpuUsage(before)
    const milliseconds = (user + system) / 1000
    if (milliseconds > hangMilliseconds)
      found({ kind: 'hang', detail: `${milliseconds.toFixed(0)} ms of processor time` })
  }
  return judged.outcome
}

async function judge(made: Case): Promise<Judged> {
  try {
    return await made.judge()
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { outcome: 'crash', problem: { kind: 'crash', detail: detail.slice(0, 2000) } }
  }
}

function answer(message: Answer): void {
  port?.postMessage(message)
}
