import {
  explainTask,
  readReplicas,
  readTask,
  watchTask,
  type Replica,
  type TaskEvent,
} from '@cloister/sdk'

import type { Answer, CommandSpec } from './command.ts'
import { deploymentOption, openSession } from './session.ts'
import { parseId, sayTime, wholeNumber } from './values.ts'

/** `cloister task`. */
export const taskCommands: readonly CommandSpec[] = [
  {
    usage: 'show <TASK>',
    about: 'where a task is in its life',
    options: [deploymentOption],
    run: async (given, run) => {
      const task = parseId('task', given.argument(0))
      const client = await openSession(given, run)
      const found = await readTask(client, task)
      const siblings = found.replicas > 1 ? await readReplicas(client, task) : []
      const text = [
        ...Object.entries({ task, ...found }).map(
          ([name, value]) => `${name.padEnd(14)} ${sayField(name, value)}`,
        ),
        ...siblings.map(sayReplica),
      ].join('\n')
      return { schema: 'cloister.task.show/1', value: { task, ...found, siblings }, text }
    },
  },
  {
    usage: 'explain <TASK>',
    about: 'why a task is where it is: every draw repeated, every refusal named',
    options: [deploymentOption],
    run: async (given, run) => {
      const task = parseId('task', given.argument(0))
      const found = await explainTask(await openSession(given, run), task)
      const text = [`${task} is ${found.state}`, ...found.lines].join('\n')
      return { schema: 'cloister.task.explain/1', value: { task, ...found }, text }
    },
  },
  {
    usage: 'watch <TASK>',
    about: 'what happens to a task, as it happens, until it is settled or refunded',
    options: [
      deploymentOption,
      {
        flags: '--timeout <SECONDS>',
        about: 'give up after so long, with exit code 5; never unless said',
      },
    ],
    run: async (given, run) => {
      const task = parseId('task', given.argument(0))
      const seconds = given.read('timeout', wholeNumber(0, 1e9))
      const client = await openSession(given, run)
      const options = seconds === undefined ? {} : { timeoutMs: seconds * 1000 }
      let last: TaskEvent | undefined
      for await (const event of watchTask(client, task, options)) {
        run.emit(describe(task, event))
        last = event
      }
      if (last?.kind === 'refunded')
        run.say(`the task was refunded; cloister task explain ${task} says why`)
      return undefined
    },
  },
]

function describe(task: string, event: TaskEvent): Answer {
  const { kind, block, transaction: _, ...rest } = event
  const details = Object.entries(rest)
    .filter(([name, value]) => typeof value !== 'object' && !name.endsWith('Signature'))
    .map(([name, value]) => `${name} ${sayField(name, value)}`)
  const text = [`block ${block}`.padEnd(12), kind.padEnd(15), details.join(', ')]
    .join(' ')
    .trimEnd()
  return { schema: 'cloister.task.event/1', value: { task, ...event }, text }
}

function sayReplica({ replica, task, state, node, tee, receiptDigest, ...rest }: Replica): string {
  const where = node === undefined ? 'no node' : `node ${node} (${tee})`
  const posted =
    receiptDigest === undefined
      ? 'no receipt'
      : `receipt ${receiptDigest}, output ${rest.outputCommitment}`
  return `${`replica ${replica}`.padEnd(14)} ${task} ${state}, ${where}, ${posted}`
}

function sayField(name: string, value: unknown): string {
  const isTime = /deadline$|expiry|At$/i.test(name)
  if (isTime && (typeof value === 'bigint' || typeof value === 'number'))
    return Number(value) === 0 ? 'none' : sayTime(value)
  return String(value)
}
