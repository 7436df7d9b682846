import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { parseJson, type Json } from '@cloister/codec'
import { Journal } from '@cloister/io'
import { parseBundle, sameHex, type Bundle } from '@cloister/protocol'
import { fetchObject, findReceipt, type TaskEvent } from '@cloister/sdk'
import type { Hex } from 'viem'

import type { FollowedTask, TaskFollower } from '../demo/follow-task.ts'
import { orderTraining, type Scene } from '../demo/story.ts'
import type { Finding } from './injection.ts'
import { readMoneyMoved } from './money-moved.ts'

type Drawn = Extract<TaskEvent, { kind: 'drawn' }>

/** Orders a training and waits for its end, whatever that is. */
export async function runTraining(
  scene: Scene,
  onDrawn?: (drawn: Drawn, follower: TaskFollower) => Promise<void>,
): Promise<FollowedTask> {
  const follower = await orderTraining(scene)
  scene.narrator.phase('the network works, and something goes wrong')
  if (onDrawn !== undefined) {
    const drawn = await follower.until(({ kind }) => kind === 'drawn')
    if (drawn?.kind === 'drawn') await onDrawn(drawn, follower)
  }
  return follower.ended
}

/** The draw of one attempt. */
export function drawOf({ events }: FollowedTask, attempt: number): Drawn | undefined {
  for (const event of events) if (event.kind === 'drawn' && event.attempt === attempt) return event
  return undefined
}

/** How an attempt ended, if it came to nothing. */
export function endingOf({ events }: FollowedTask, attempt: number): string | undefined {
  const ended = events.find((event) => event.kind === 'attempt-ended' && event.attempt === attempt)
  return ended?.kind === 'attempt-ended' ? ended.ending : undefined
}

/** That a first attempt came to nothing as said, and that another node finished the task. */
export function secondNodeFinished(
  task: FollowedTask,
  endings: readonly string[],
): readonly Finding[] {
  const ending = endingOf(task, 1)
  const [first, second] = [drawOf(task, 1), drawOf(task, 2)]
  return [
    {
      holds: ending !== undefined && endings.includes(ending),
      says: `attempt 1 ended: ${ending ?? 'as if nothing had happened'}`,
    },
    {
      holds:
        isSettled(task) &&
        first !== undefined &&
        second !== undefined &&
        !sameHex(first.node, second.node),
      says: 'attempt 2, on another node, was accepted and paid',
    },
  ]
}

/** Whether the task was settled, exactly once. */
export function isSettled({ events }: FollowedTask): boolean {
  return events.filter(({ kind }) => kind === 'settled').length === 1
}

/** That `operator` paid `amountWei` for an offence, and that nobody else paid anything. */
export async function onlySlashed(
  { devnet }: Scene,
  operator: string | undefined,
  amountWei: bigint,
  what: string,
): Promise<{ readonly finding: Finding; readonly txs: readonly string[] }> {
  const { slashes } = await readMoneyMoved(devnet)
  const [slash, ...others] = slashes
  return {
    finding: {
      holds:
        slash !== undefined &&
        others.length === 0 &&
        sameHex(slash.account, operator) &&
        slash.amountWei === amountWei,
      says: `${what} (${slashes.map((each) => `${each.account} lost ${each.amountWei} wei`).join(', ') || 'nobody lost anything'})`,
    },
    txs: slashes.map(({ transaction }) => transaction),
  }
}

/** That nobody's stake was touched. */
export async function nobodySlashed({ devnet }: Scene): Promise<Finding> {
  const { slashes } = await readMoneyMoved(devnet)
  return { holds: slashes.length === 0, says: 'nobody’s stake was touched' }
}

/** The lines of a log, as objects. */
export function readLog(
  { devnet }: Scene,
  name: string,
): readonly { readonly message: string; readonly text: string }[] {
  const lines = readFileSync(join(devnet.folders.logs, `${name}.log`), 'utf8').split('\n')
  return lines
    .filter((line) => line !== '')
    .map((text) => {
      const json = parseJson(text, 'log line', { charactersMax: 1_000_000, depthMax: 8 })
      const message = isObject(json) ? json['message'] : undefined
      return { message: typeof message === 'string' ? message : '', text }
    })
}

/** Every release that a keeper's enclave recorded for an attempt of a task, by the journals of all hosts. */
export function releasesRecorded(
  { devnet }: Scene,
  task: Hex,
  attempt: number,
): readonly { readonly node: number; readonly asset: string }[] {
  return devnet.nodes.flatMap(({ index }) => {
    const copy = copyJournal(devnet.folders.node(index).host)
    const journal = Journal.open(join(copy, journalFile))
    try {
      return journal.list('enclave').flatMap(({ body }) => {
        const entry = parseJson(body, 'journal', { charactersMax: 1_000_000, depthMax: 8 })
        const release = isObject(entry) ? (entry['release'] ?? null) : null
        const isWanted =
          isObject(release) && release['task'] === task && release['attempt'] === attempt
        const asset = isWanted ? release['asset'] : undefined
        return typeof asset === 'string' ? [{ node: index, asset }] : []
      })
    } finally {
      journal.close()
      rmSync(copy, { recursive: true })
    }
  })
}

const journalFile = 'journal.sqlite'

// The host holds its journal for itself; a copy of its files is what a restart would find.
function copyJournal(folder: string): string {
  const copy = mkdtempSync(join(folder, 'copy-'))
  for (const name of [journalFile, `${journalFile}-wal`])
    if (existsSync(join(folder, name))) copyFileSync(join(folder, name), join(copy, name))
  return copy
}

/** The evidence bundle of a task's accepted attempt. */
export async function bundleOf({ client, devnet }: Scene, task: Hex): Promise<Bundle> {
  const { posting } = await findReceipt(client, task)
  const stores = [...devnet.deployment.nodes, ...devnet.deployment.verifiers]
  return parseBundle(
    await fetchObject(
      client,
      posting.bundleDigest,
      stores.map(({ url }) => url),
    ),
  )
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
