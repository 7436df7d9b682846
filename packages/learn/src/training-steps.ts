import { assert, MalformedError } from '@cloister/codec'
import type { BatchSource } from './batch-source.ts'
import {
  cutOf,
  epochRandom,
  readWindow,
  rowsIn,
  windowsOf,
  type Cut,
  type DataWindow,
} from './data-window.ts'
import type { Network } from './network.ts'
import type { Normalisation } from './normalisation.ts'
import { shuffle } from './random.ts'
import { trainingLimits, type TrainingSettings } from './training-settings.ts'

/** Rows of one step, batch after batch. */
export type StepRows = readonly Uint32Array[]

/** Steps that one call of a graph takes: rows of one window. */
export type StepRun = {
  readonly window: DataWindow
  /** Number of the first step; the first of all is 0. */
  readonly first: number
  readonly epoch: number
  readonly steps: readonly StepRows[]
}

/** What steps are made from. */
export type StepPlan = {
  readonly network: Network
  readonly settings: TrainingSettings
  readonly source: BatchSource
  readonly normalisation: Normalisation | undefined
  readonly batch: number
  readonly accumulate: number
  /** Steps that one call may take. */
  readonly stepsPerRun: number
}

/**
 * How many steps one epoch has.
 *
 * @throws {MalformedError} where there are too few rows for one, or too many steps in all.
 */
export function stepsPerEpoch(plan: Omit<StepPlan, 'normalisation' | 'stepsPerRun'>): number {
  const { network, settings, source, batch, accumulate } = plan
  const share = source.rows / (batch * accumulate)
  // Padding would take part in the means of batch normalisation: a step that can't be filled is left out.
  const steps = network.mixesRows ? Math.floor(share) : Math.ceil(share)
  if (steps < 1)
    throw new MalformedError(
      'parameters.settings.batchSize',
      0,
      'batch normalisation needs enough rows to fill one step: choose a smaller batch',
    )
  if (settings.epochs * steps > trainingLimits.stepsMax)
    throw new MalformedError(
      'parameters.settings.epochs',
      0,
      `more than ${trainingLimits.stepsMax} steps`,
    )
  return steps
}

/** Cuts epochs into runs of steps, from step `from` on. Windows that lie before it are not read. */
export async function* plannedRuns(plan: StepPlan, from: number): AsyncGenerator<StepRun> {
  const { source, settings, batch, accumulate } = plan
  const perEpoch = stepsPerEpoch(plan)
  const cut = cutOf(source, batch * accumulate)
  let kept: DataWindow | undefined
  for (let epoch = 1; epoch <= settings.epochs; epoch++) {
    let first = (epoch - 1) * perEpoch
    if (first + perEpoch <= from) continue
    const random = epochRandom(settings.seed, epoch)
    for (const blocks of windowsOf(cut, random)) {
      const order = shuffled(rowsIn(source, cut, blocks), random)
      const steps = cutSteps(order, plan).slice(0, epoch * perEpoch - first)
      const skipped = Math.min(steps.length, Math.max(0, from - first))
      if (skipped < steps.length) {
        kept = cut.blocks === 1 && kept ? kept : await readWindow(source, { ...plan, cut, blocks })
        for (let at = skipped; at < steps.length; at += plan.stepsPerRun)
          yield {
            window: kept,
            first: first + at,
            epoch,
            steps: steps.slice(at, at + plan.stepsPerRun),
          }
      }
      first += steps.length
    }
  }
}

/** All rows in memory: private draws take from all of them at every step. */
export async function readAll(plan: StepPlan): Promise<DataWindow> {
  const { source, batch } = plan
  const cut: Cut = cutOf(source, batch)
  if (cut.blocks > 1)
    throw new MalformedError(
      'data',
      0,
      'too large for private training, which draws from all rows at every step',
    )
  return readWindow(source, { ...plan, cut, blocks: [0] })
}

/** Cuts the rows of a draw into batches: none where nothing was drawn. */
export function cutBatches(order: Uint32Array, batch: number): StepRows {
  const batches: Uint32Array[] = []
  for (let start = 0; start < order.length; start += batch)
    batches.push(order.subarray(start, start + batch))
  return batches
}

function cutSteps(order: Uint32Array, plan: StepPlan): readonly StepRows[] {
  const perStep = plan.batch * plan.accumulate
  const count = plan.network.mixesRows
    ? Math.floor(order.length / perStep)
    : Math.ceil(order.length / perStep)
  return Array.from({ length: count }, (_, index) =>
    cutBatches(order.subarray(index * perStep, (index + 1) * perStep), plan.batch),
  )
}

function shuffled(rows: number, random: () => number): Uint32Array {
  assert(rows > 0, 'a window holds rows')
  const order = Uint32Array.from({ length: rows }, (_, row) => row)
  shuffle(order, random)
  return order
}
