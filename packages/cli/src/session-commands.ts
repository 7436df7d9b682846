import { parseEnvelopePrivateKey } from '@cloister/seal'
import {
  findSession,
  openSession as openInference,
  orderSession,
  placeOfSession,
  readTask,
  verifySession,
  type InferenceSession,
} from '@cloister/sdk'
import type { Usage } from '@cloister/protocol'

import type { Answer, CommandSpec, Given, OptionSpec, Run } from './command.ts'
import { prepareOnce } from './order.ts'
import { readRecipientKey } from './recipient-key.ts'
import { deploymentOption, keyOption, openSession, optionalKeyOption } from './session.ts'
import { parseId } from './values.ts'

/** The key that proves who may speak. */
export const recipientOption: OptionSpec = {
  flags: '--recipient-key <FILE>',
  about:
    'the key that the order was placed with, from cloister key recipient: it proves who may speak',
  required: true,
}

/** How an order of one's own is placed on the way. */
export const placeOptions: readonly OptionSpec[] = [
  { flags: '--deposit', about: 'first move what the fee lacks from the account into the Ledger' },
  { flags: '--again', about: 'make another task of an order that was placed or prepared before' },
]

/** `cloister session`. */
export const sessionCommands: readonly CommandSpec[] = [
  {
    usage: 'open <ORDER>',
    about:
      'place an order by the unit, wait for its node, and verify its enclave; it then takes requests',
    options: [deploymentOption, keyOption, recipientOption, ...placeOptions],
    run: async (given, run) => {
      const session = await placeAndOpen(given, run, given.argument(0))
      return describe('cloister.session.open/1', session)
    },
  },
  {
    usage: 'status <TASK>',
    about: 'say where a session runs and what its evidence shows; nothing is sent to it',
    options: [deploymentOption, optionalKeyOption],
    run: status,
  },
  {
    usage: 'close <TASK>',
    about: 'end a session: it is settled for what was used, and the rest of the money comes back',
    options: [deploymentOption, optionalKeyOption, recipientOption],
    run: async (given, run) => {
      const session = await openGiven(given, run, given.argument(0))
      const usage = await session.close()
      const value = { task: session.verified.place.task, ...used(usage) }
      return { schema: 'cloister.session.close/1', value, text: sayUsed(usage) }
    },
  },
]

/** Opens the session of a task that was placed. @throws as the SDK's `openSession`. */
export async function openGiven(given: Given, run: Run, task: string): Promise<InferenceSession> {
  const client = await openSession(given, run)
  return openInference(client, parseId('task', task), await recipientOf(given))
}

/** Places the order of a file, once, and opens its session. */
export async function placeAndOpen(
  given: Given,
  run: Run,
  order: string,
): Promise<InferenceSession> {
  const client = await openSession(given, run)
  const prepared = await prepareOnce(client, given, run, order)
  run.say(`task ${prepared.task}`)
  const depositMissing = given.flag('deposit')
  return orderSession(client, prepared, await recipientOf(given), { depositMissing })
}

async function status(given: Given, run: Run): Promise<Answer> {
  const client = await openSession(given, run)
  const task = parseId('task', given.argument(0))
  const { state } = await readTask(client, task)
  if (state !== 'running') {
    const value = { task, state }
    return { schema: 'cloister.session.status/1', value, text: `state       ${state}` }
  }
  const { url } = await placeOfSession(client, task)
  const { place, status: shown } = await findSession(client, task, { timeoutMs: 10_000 })
  const verified = await verifySession(client, place, shown)
  const { attestation } = verified
  const value = {
    task,
    state,
    nodeUrl: url,
    session: shown.state,
    meter: shown.meter,
    ...attestation,
  }
  const text = [
    `state       ${state}, session ${shown.state}`,
    `node        ${url} of ${attestation.operator}`,
    ...sayAttestation(attestation),
  ].join('\n')
  return { schema: 'cloister.session.status/1', value, text }
}

/** A session as an answer. */
export function describe(schema: string, session: InferenceSession): Answer {
  const { attestation, verified } = session
  const { task, attempt, url } = verified.place
  const { unitWei, feeWei } = verified.order
  const { meter } = verified.status
  const value = { task, attempt, nodeUrl: url, meter, unitWei, feeWei, ...attestation }
  const text = [
    `task        ${task}`,
    `node        ${url} of ${attestation.operator}`,
    ...sayAttestation(attestation),
    `price       ${unitWei} wei per ${meter}, ${feeWei} wei locked`,
  ].join('\n')
  return { schema, value, text }
}

function sayAttestation(attestation: InferenceSession['attestation']): readonly string[] {
  const { tee, tier, measurement, app } = attestation
  return [
    `enclave     ${tee}, tier ${tier}, verified`,
    `runtime     ${measurement}`,
    `app         ${app}`,
  ]
}

/** What was used, as JSON has it. */
export function used(usage: Usage | undefined): Readonly<Record<string, unknown>> {
  return {
    requests: usage?.sequence ?? 0n,
    units: usage?.units ?? 0n,
    spentWei: usage?.spentWei ?? 0n,
  }
}

/** What was used, in words. */
export function sayUsed(usage: Usage | undefined): string {
  if (usage === undefined) return 'nothing was used'
  return `${usage.sequence} requests, ${usage.units} units, ${usage.spentWei} wei`
}

async function recipientOf(given: Given) {
  return parseEnvelopePrivateKey(readRecipientKey(given.needed('recipientKey')).secretKey)
}
