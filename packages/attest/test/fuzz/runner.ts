import { Worker } from 'node:worker_threads'
import type { Base } from './case.ts'
import type { Finding } from './finding.ts'
import type { Answer, Run, WorkerStart } from './worker.ts'

/** What is to be run. */
export type Campaign = {
  readonly bases: readonly Base[]
  readonly formats: readonly string[]
  /** Cases of each format; fewer where a format has fewer. */
  readonly count: number
  readonly seed: string
  readonly workers: number
  /** When no further cases are begun. */
  readonly deadlineMilliseconds?: number
  /** When a worker that has not moved on counts as stuck: six seconds, unless a test is in more of a hurry. */
  readonly stuckMilliseconds?: number
  /** Most memory of a worker's heap. */
  readonly heapMebibytes?: number
  readonly onFinding?: (finding: Finding) => void
  readonly onProgress?: (tallies: readonly Tally[]) => void
}

/** What came out of one format. */
export type Tally = {
  readonly format: string
  /** Cases judged. */
  cases: number
  /** Cases there are to judge. */
  planned: number
  /** Time that workers spent on them. */
  milliseconds: number
  findings: number
  readonly outcomes: Map<string, number>
  /** Nothing genuine of it was there to start from. */
  isEmpty: boolean
}

/** A worker that has not moved on for so long is stuck: past what a worker itself notices and repeats. */
const stuckAfter = 6000
const heapMax = 768
const runCases = 500

/** Runs cases on several threads. Each one that crashes, hangs or fills its heap is replaced, and its case recorded. */
export async function runCampaign(campaign: Campaign): Promise<readonly Tally[]> {
  const tallies = campaign.formats.map((format) => createTally(format, campaign.count))
  const queue = new Queue(tallies, campaign.deadlineMilliseconds)
  const progress = setInterval(() => campaign.onProgress?.(tallies), 5000)
  try {
    await Promise.all(
      Array.from({ length: campaign.workers }, () => new Seat(campaign, queue, tallies).work()),
    )
  } finally {
    clearInterval(progress)
  }
  return tallies
}

function createTally(format: string, planned: number): Tally {
  const outcomes = new Map<string, number>()
  return { format, cases: 0, planned, milliseconds: 0, findings: 0, outcomes, isEmpty: false }
}

/** Runs still to be given out: format after format in turn, so that a deadline cuts all alike. */
class Queue {
  readonly #tallies: readonly Tally[]
  readonly #deadline: number
  readonly #given = new Map<string, number>()
  #turn = 0

  constructor(tallies: readonly Tally[], deadline = Infinity) {
    this.#tallies = tallies
    this.#deadline = deadline
  }

  next(): Run | undefined {
    if (Date.now() > this.#deadline) return undefined
    for (let tries = 0; tries < this.#tallies.length; tries++) {
      const tally = this.#tallies[this.#turn++ % this.#tallies.length]
      if (tally === undefined || tally.isEmpty) continue
      const from = this.#given.get(tally.format) ?? 0
      const count = Math.min(runCases, tally.planned - from)
      if (count <= 0) continue
      this.#given.set(tally.format, from + count)
      return { format: tally.format, from, count }
    }
    return undefined
  }
}

/** One place for a worker: a new one sits down where one had to go. */
class Seat {
  readonly #campaign: Campaign
  readonly #queue: Queue
  readonly #tallies: readonly Tally[]
  readonly #beats = new Float64Array(new SharedArrayBuffer(16))

  constructor(campaign: Campaign, queue: Queue, tallies: readonly Tally[]) {
    this.#campaign = campaign
    this.#queue = queue
    this.#tallies = tallies
  }

  async work(): Promise<void> {
    let worker: Worker | undefined
    for (let run = this.#queue.next(); run !== undefined; run = this.#queue.next()) {
      let rest: Run | undefined = run
      while (rest !== undefined) {
        worker ??= this.#start()
        const lost = await this.#judge(worker, rest)
        if (lost === undefined) break
        await worker.terminate()
        worker = undefined
        const after: number = lost + 1
        const left: number = rest.from + rest.count - after
        rest = left > 0 ? { format: rest.format, from: after, count: left } : undefined
      }
    }
    await worker?.terminate()
  }

  #start(): Worker {
    const { bases, seed } = this.#campaign
    const beat = this.#beats.buffer
    if (!(beat instanceof SharedArrayBuffer)) throw new TypeError('Cannot share the beat')
    const start: WorkerStart = { bases, seed, beat }
    this.#beats.fill(0)
    return new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: start,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      resourceLimits: { maxOldGenerationSizeMb: this.#campaign.heapMebibytes ?? heapMax },
    })
  }

  /** Has a run judged. The number of the case at which the worker was lost, or undefined where it was not. */
  #judge(worker: Worker, run: Run): Promise<number | undefined> {
    const tally = this.#tallies.find(({ format }) => format === run.format)
    const began = Date.now()
    const stuck = this.#campaign.stuckMilliseconds ?? stuckAfter
    return new Promise((resolve) => {
      const settle = (lost: number | undefined): void => {
        clearInterval(watch)
        worker.removeAllListeners('message')
        worker.removeAllListeners('error')
        if (tally) tally.milliseconds += Date.now() - began
        resolve(lost)
      }
      const lose = (kind: 'hang' | 'memory' | 'crash', detail: string): void => {
        const index = this.#beats[0] ?? run.from
        if (tally) tally.cases += index - run.from + 1
        this.#record({ ...run, seed: this.#campaign.seed, index }, kind, detail)
        settle(index)
      }
      const watch = setInterval(() => {
        const since = this.#beats[1] ?? 0
        if (since > 0 && Date.now() - since > stuck) lose('hang', `no answer within ${stuck} ms`)
      }, 250)
      worker.on('message', (answer: Answer) => {
        if (this.#take(answer, tally)) settle(undefined)
      })
      worker.on('error', (error: Error & { readonly code?: string }) => {
        const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
        lose(isMemory ? 'memory' : 'crash', error.stack ?? error.message)
      })
      worker.postMessage(run, [])
    })
  }

  /** Whether an answer ends its run. */
  #take(answer: Answer, tally: Tally | undefined): boolean {
    if (answer.kind === 'finding') {
      if (tally) tally.findings++
      this.#campaign.onFinding?.(answer.finding)
    } else if (answer.kind === 'opened') {
      if (tally && answer.total !== undefined)
        tally.planned = Math.min(this.#campaign.count, answer.total)
    } else if (answer.kind === 'nothing') {
      if (tally) tally.isEmpty = true
    } else if (tally) {
      for (const [outcome, count] of Object.entries(answer.outcomes)) {
        tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + count)
        tally.cases += count
      }
    }
    return answer.kind === 'nothing' || answer.kind === 'done'
  }

  /** A worker that is lost can't tell what it was given: the case follows from seed and number. */
  #record(
    at: { readonly format: string; readonly seed: string; readonly index: number },
    kind: 'hang' | 'memory' | 'crash',
    detail: string,
  ): void {
    const tally = this.#tallies.find(({ format }) => format === at.format)
    if (tally) tally.findings++
    const problem = { kind, detail: detail.slice(0, 2000) }
    const { format, seed, index } = at
    this.#campaign.onFinding?.({ format, seed, index, base: '', problem, input: undefined })
  }
}
