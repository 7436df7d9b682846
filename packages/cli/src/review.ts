import { resolve } from 'node:path'

import { approveOutput, listReviews, openForReview } from '@cloister/sdk'

import type { CommandSpec, OptionSpec } from './command.ts'
import { confirm, yesOption } from './confirm.ts'
import { refuseFilled, writeFolder } from './output-folder.ts'
import { readRecipientKey } from './recipient-key.ts'
import { deploymentOption, keyOption, openSession } from './session.ts'
import { parseId } from './values.ts'

const reviewKeyOption: OptionSpec = {
  flags: '--review-key <FILE>',
  about: 'the key that the grant names, from cloister key recipient',
  required: true,
}

/** `cloister review`. */
export const reviewCommands: readonly CommandSpec[] = [
  {
    usage: 'list',
    about: 'the outputs that your grants keep for you to look at, and which you have approved',
    options: [deploymentOption, keyOption],
    run: async (given, run) => {
      const reviews = await listReviews(await openSession(given, run))
      const text = reviews
        .map(({ task, status, state, purpose }) =>
          [task, status.padEnd(8), state.padEnd(8), JSON.stringify(purpose)].join('  '),
        )
        .join('\n')
      return { schema: 'cloister.review.list/1', value: { reviews }, text }
    },
  },
  {
    usage: 'show <TASK>',
    about: 'open an output with your review key, before its recipient can',
    options: [
      deploymentOption,
      keyOption,
      reviewKeyOption,
      { flags: '--out <FOLDER>', about: 'a new folder for the files', required: true },
    ],
    run: async (given, run) => {
      const task = parseId('task', given.argument(0))
      const out = resolve(given.needed('out'))
      refuseFilled(out)
      const { secretKey } = readRecipientKey(given.needed('reviewKey'))
      const [opened] = await openForReview(await openSession(given, run), secretKey, task)
      if (opened === undefined) return undefined
      const files = writeFolder(out, opened)
      const { attempt, position, metrics } = opened
      const text = [
        ...Object.entries(metrics).map(([name, figure]) => `${name} ${figure}`),
        ...files.map(({ path, bytes }) => `${path} (${bytes} bytes)`),
      ].join('\n')
      const value = { task, attempt, position, metrics, files }
      return { schema: 'cloister.review.show/1', value, text }
    },
  },
  {
    usage: 'approve <TASK>',
    about: 'let the recipient read an output that you looked at; nothing can take it back',
    options: [deploymentOption, keyOption, reviewKeyOption, yesOption],
    run: async (given, run) => {
      const task = parseId('task', given.argument(0))
      const { secretKey } = readRecipientKey(given.needed('reviewKey'))
      const client = await openSession(given, run)
      await confirm(given, `Let the recipient read the output of task ${task}?`)
      const approvals = await approveOutput(client, secretKey, task)
      const text = approvals.map(({ transaction }) => transaction).join('\n')
      return { schema: 'cloister.review.approve/1', value: { task, approvals }, text }
    },
  },
]
