import { existsSync } from 'node:fs'

import { canonicalJson, OperationError } from '@cloister/codec'
import { limits, messageField, objectField, oneOf, parseField, taskOf } from '@cloister/protocol'
import {
  placeOrder,
  prepareOrder,
  preflightOrder,
  type Client,
  type Preflight,
  type PreparedOrder,
} from '@cloister/sdk'

import type { Answer, CommandSpec, Given, Run } from './command.ts'
import { exitCodeByError, exitCodes } from './exit-codes.ts'
import { readText, writeOutput } from './files.ts'
import { readOrderFile } from './order-file.ts'
import { readRecipientKey } from './recipient-key.ts'
import { deploymentOption, keyOption, openSession } from './session.ts'
import { wholeNumber } from './values.ts'

const shared = [
  deploymentOption,
  keyOption,
  {
    flags: '--recipient-key <FILE>',
    about: 'the key that the output is sealed to, from cloister key recipient',
    required: true,
  },
  {
    flags: '--replicas <N>',
    about: 'have so many nodes of different vendors compute it; unless equal, all is refunded',
  },
] as const

/** `cloister order`. */
export const orderCommands: readonly CommandSpec[] = [
  {
    usage: 'check <ORDER>',
    about: 'say whether an order can be met and what it costs, without placing it',
    options: shared,
    run: async (given, run) => {
      const client = await openSession(given, run)
      const order = await prepare(client, given, given.argument(0))
      return describe(order, await preflightOrder(client, order))
    },
  },
  {
    usage: 'place <ORDER>',
    about: 'lock the fee and place an order; run it again after a failure: it pays nothing twice',
    options: [
      ...shared,
      {
        flags: '--deposit',
        about: 'first move what the fee lacks from the account into the Ledger',
      },
      {
        flags: '--again',
        about: 'make another task of an order that was placed or prepared before',
      },
    ],
    run: async (given, run) => {
      const client = await openSession(given, run)
      const prepared = await prepareOnce(client, given, run, given.argument(0))
      const placed = await placeOrder(client, prepared, { depositMissing: given.flag('deposit') })
      if (placed.transaction === undefined)
        run.say(
          'this order stands on chain already: nothing was paid; say --again for another task',
        )
      const value = { ...placed, feeWei: prepared.order.feeWei }
      return { schema: 'cloister.order.place/1', value, text: placed.task }
    },
  },
]

function prepare(client: Client, given: Given, file: string): Promise<PreparedOrder> {
  const { publicKey } = readRecipientKey(given.needed('recipientKey'))
  const wish = readOrderFile(client, file)
  const replicas = given.read('replicas', wholeNumber(1, limits.replicasMax))
  return prepareOrder(client, {
    ...wish,
    ...(replicas === undefined ? {} : { replicas }),
    recipientPublicKey: publicKey,
  })
}

const saved = objectField({
  format: oneOf('cloister-prepared-order/1'),
  order: messageField('Order'),
})

/** The order is written down before it is placed: after a failure the same one is placed, which makes the same task. */
export async function prepareOnce(
  client: Client,
  given: Given,
  run: Run,
  file: string,
): Promise<PreparedOrder> {
  const fresh = await prepare(client, given, file)
  const path = `${file}.prepared`
  if (existsSync(path) && !given.flag('again')) {
    run.say(`${path} exists: placing that order`)
    return continueWith(client, fresh, path)
  }
  const text = canonicalJson(
    saved.encode({ format: 'cloister-prepared-order/1', order: fresh.order }),
  )
  writeOutput(path, `${text}\n`, { what: 'prepared order', force: true })
  return fresh
}

function continueWith(client: Client, fresh: PreparedOrder, path: string): PreparedOrder {
  const text = readText(path, { what: 'prepared order', bytesMax: limits.bodyBytesMax })
  const caps = { charactersMax: limits.bodyBytesMax, depthMax: 4 }
  const { order } = parseField(saved, text, 'prepared order', caps)
  const same = (['requester', 'app', 'recipientKeyHash'] as const).every(
    (name) => order[name].toLowerCase() === fresh.order[name].toLowerCase(),
  )
  if (
    !same ||
    order.grants.join() !== fresh.order.grants.join() ||
    order.replicas !== fresh.order.replicas
  )
    throw new OperationError(
      'order-refused',
      `Cannot go on with ${path}: it was prepared from another order file, key, account or number of replicas; say --again to make another task`,
    )
  return { ...fresh, order, ...taskOf(client.domain, order) }
}

function describe(prepared: PreparedOrder, found: Preflight): Answer {
  const { feeWei, balanceWei, problems, candidates, split } = found
  const [first] = problems
  const text = [
    first === undefined ? 'can be met' : 'cannot be met',
    ...problems.map(({ code, detail }) => `- ${code}: ${detail}`),
    `fee        ${feeWei} wei, ${balanceWei} wei in the Ledger`,
    ...candidates.map(
      ({ operator, reasons }) => `node       ${operator} ${reasons.join(', ') || 'may be drawn'}`,
    ),
  ].join('\n')
  return {
    schema: 'cloister.order.check/1',
    value: {
      ok: problems.length === 0,
      task: prepared.task,
      feeWei,
      balanceWei,
      problems,
      candidates,
      split,
    },
    text,
    exit: first === undefined ? exitCodes.ok : (exitCodeByError[first.code] ?? exitCodes.failure),
  }
}
