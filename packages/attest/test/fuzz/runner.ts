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
  /** Cases of single formats, in place of that. */
  readonly counts?: ReadonlyMap<string, number>
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
  const tallies = campaign.formats.map((format) => createTally(format, countOf(campaign, format)))
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

function countOf({ count, counts }: Campaign, format: string): number {
  return counts?.get(format) ?? count
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
  #worker: Worker | undefined

  constructor(campaign: Campaign, queue: Queue, tallies: readonly Tally[]) {
    this.#campaign = campaign
    this.#queue = queue
    this.#tallies = tallies
  }

  async work(): Promise<void> {
    for (let run = this.#queue.next(); run !== undefined; run = this.#queue.next())
      for (let rest: Run | undefined = run; rest !== undefined;) rest = await this.#runOn(rest)
    await this.#worker?.terminate()
  }

  /** Judges a run as far as a worker gets. What is left of it behind the case at which one was lost. */
  async #runOn(run: Run): Promise<Run | undefined> {
    const lost = await this.#judge(run)
    if (lost === undefined) return undefined
    // A machine that stood still looks like a case that does: only who is stuck twice is.
    const one = { format: run.format, from: lost.index, count: 1 }
    const again = lost.kind === 'hang' ? await this.#judge(one) : lost
    if (again !== undefined) this.#record(run.format, again)
    const from = lost.index + 1
    const count = run.from + run.count - from
    return count > 0 ? { format: run.format, from, count } : undefined
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

  /** Has a run judged by a worker, who is gone where it was lost. */
  async #judge(run: Run): Promise<Lost | undefined> {
    const worker = (this.#worker ??= this.#start())
    const tally = this.#tallies.find(({ format }) => format === run.format)
    const began = Date.now()
    const lost = await this.#watch(worker, run, tally)
    worker.removeAllListeners('message')
    worker.removeAllListeners('error')
    if (tally) tally.milliseconds += Date.now() - began
    if (lost === undefined) return undefined
    await worker.terminate()
    this.#worker = undefined
    // Those before the lost one were judged: their outcomes are not known.
    if (tally) tally.cases += lost.index - run.from
    return lost
  }

  #watch(worker: Worker, run: Run, tally: Tally | undefined): Promise<Lost | undefined> {
    const stuck = this.#campaign.stuckMilliseconds ?? stuckAfter
    return new Promise((resolve) => {
      const settle = (lost: Lost | undefined): void => {
        clearInterval(watch)
        resolve(lost)
      }
      const lose = (kind: Lost['kind'], detail: string): void =>
        settle({ index: this.#beats[0] ?? run.from, kind, detail })
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
        tally.planned = Math.min(countOf(this.#campaign, answer.format), answer.total)
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
  #record(format: string, { index, kind, detail }: Lost): void {
    const tally = this.#tallies.find((each) => each.format === format)
    if (tally) {
      tally.findings++
      tally.cases++
    }
    const problem = { kind, detail: detail.slice(0, 2000) }
    const { seed } = this.#campaign
    this.#campaign.onFinding?.({ format, seed, index, base: '', problem, input: undefined })
  }
}

/** The case at which a worker was lost, and how. */
type Lost = {
  readonly index: number
  readonly kind: 'hang' | 'memory' | 'crash'
  readonly detail: string
}
