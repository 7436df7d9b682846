import {
  bytes32Field,
  describeGrant,
  limits,
  messageToJson,
  sayDelta,
  sayEpsilon,
  type Deployment,
} from '@cloister/protocol'
import {
  draftGrant,
  encodeSignedGrant,
  grantFacts,
  parseSignedGrant,
  revokeAll,
  revokeGrant,
  signDraft,
  uploadObject,
  type Client,
  type GrantStanding,
  type SignedGrant,
} from '@cloister/sdk'
import type { Hex } from 'viem'

import type { Answer, CommandSpec } from './command.ts'
import { confirm, yesOption } from './confirm.ts'
import { readText, refuseExisting, writeOutput } from './files.ts'
import { explainCommand } from './grant-explain.ts'
import { readTerms, termOptions } from './grant-terms.ts'
import { forceOption, outOption, writeRule } from './output-options.ts'
import { deploymentOption, keyOption, openSession, readDeployment } from './session.ts'

/** `cloister grant`. */
export const grantCommands: readonly CommandSpec[] = [
  {
    usage: 'create',
    about: 'say in words what is permitted, and sign it: what you do not say is read strictly',
    options: [
      deploymentOption,
      keyOption,
      ...termOptions,
      yesOption,
      outOption('the signed grant, to hand to the requester'),
      forceOption,
    ],
    run: async (given, run) => {
      const out = given.needed('out')
      const rule = writeRule(given, 'grant')
      refuseExisting(out, rule)
      const client = await openSession(given, run)
      const { terms, reviewPublicKey } = readTerms(given, client.deployment, client.clock())
      const grant = await draftGrant(client, terms)
      const says = describeGrant(grant, client.deployment.apps)
      for (const sentence of says) run.say(sentence)
      await confirm(given, 'Sign this permission?')
      // Enclaves fetch it where they find everything else: without it no output could be sealed.
      if (reviewPublicKey !== undefined)
        await uploadObject(client, reviewPublicKey, storesOf(client), copiesOf(client))
      const signed = await signDraft(client, grant)
      writeOutput(out, `${encodeSignedGrant(client, signed)}\n`, rule)
      const value = { digest: signed.digest, path: out, says, grant: messageToJson('Grant', grant) }
      return { schema: 'cloister.grant.create/1', value, text: signed.digest }
    },
  },
  {
    usage: 'show <FILE>',
    about:
      'what a grant permits, in words, and what was used of it; --offline leaves the chain out',
    options: [deploymentOption, { flags: '--offline', about: 'ask no chain' }],
    run: async (given, run) => {
      const client = await openSession(given, run)
      const signed = readGrant(client, given.argument(0))
      const standing = given.flag('offline') ? undefined : await grantFacts(client, signed)
      return describe(readDeployment(given), signed, standing)
    },
  },
  explainCommand(readGrant),
  {
    usage: 'revoke <GRANT>',
    about:
      'revoke a grant, named by its file or its digest, or all: no share is released for it from then on',
    options: [deploymentOption, keyOption],
    run: async (given, run) => {
      const name = given.argument(0)
      const client = await openSession(given, run)
      const digest = name === 'all' ? undefined : digestOf(client, name)
      const transaction =
        digest === undefined ? await revokeAll(client) : await revokeGrant(client, digest)
      const value = { grant: digest ?? 'all', transaction }
      return { schema: 'cloister.grant.revoke/1', value, text: transaction }
    },
  },
]

/** `cloister asset grant` and `revoke`: what `grant create` and `grant revoke` do, found where an owner looks for it. */
export const grantingCommands: readonly CommandSpec[] = grantCommands.flatMap((spec) => {
  if (spec.usage === 'create') return [{ ...spec, usage: 'grant' }]
  return spec.usage.startsWith('revoke') ? [spec] : []
})

/** Reads a signed grant's file. @throws {MalformedError} naming the file's field. */
export function readGrant(client: Client, path: string): SignedGrant {
  return parseSignedGrant(client, readText(path, { what: 'grant', bytesMax: limits.bodyBytesMax }))
}

function storesOf({ deployment }: Client): readonly string[] {
  return deployment.nodes.map(({ url }) => url)
}

function copiesOf(client: Client): number {
  return Math.min(2, new Set(storesOf(client)).size)
}

function digestOf(client: Client, name: string): Hex {
  if (/^0x[0-9a-fA-F]{64}$/.test(name)) return bytes32Field.parse(name.toLowerCase(), 'grant')
  return readGrant(client, name).digest
}

function describe(
  deployment: Deployment,
  { grant, digest, signature }: SignedGrant,
  standing: GrantStanding | undefined,
): Answer {
  const says = describeGrant(grant, deployment.apps)
  const used = standing === undefined ? undefined : usageOf(grant, standing)
  const text = [`Grant ${digest}`, ...says, ...(used === undefined ? [] : sayUsage(used))].join(
    '\n',
  )
  const value = {
    digest,
    says,
    grant: messageToJson('Grant', grant),
    signature,
    chain: used ?? null,
  }
  return { schema: 'cloister.grant.show/2', value, text }
}

type Usage = ReturnType<typeof usageOf>

// What is spent, and what is left of it.
function usageOf(grant: SignedGrant['grant'], { used, revoked, signatureValid }: GrantStanding) {
  return {
    revoked,
    signatureValid,
    tasks: { spent: used.tasks, left: Math.max(0, grant.usesMax - used.tasks) },
    tasksToday: { spent: used.tasksToday, left: Math.max(0, grant.usesPerDay - used.tasksToday) },
    epsilonMicros: {
      spent: used.epsilonMicros,
      left: leftOf(grant.epsilonMicros, used.epsilonMicros),
    },
    deltaPicos: { spent: used.deltaPicos, left: leftOf(grant.deltaPicos, used.deltaPicos) },
  }
}

function leftOf(max: bigint, spent: bigint): bigint {
  return spent < max ? max - spent : 0n
}

function sayUsage(usage: Usage): readonly string[] {
  const { tasks, tasksToday, epsilonMicros, deltaPicos } = usage
  return [
    usage.revoked ? 'The owner has revoked it: it permits nothing any more.' : 'It is not revoked.',
    ...(usage.signatureValid ? [] : ['Its signature is not the owner’s: it permits nothing.']),
    `Used by ${tasks.spent} tasks, ${tasks.left} left; today by ${tasksToday.spent}, ${tasksToday.left} left.`,
    `Privacy spent: epsilon ${sayEpsilon(epsilonMicros.spent)}, ${sayEpsilon(epsilonMicros.left)} left; delta ${sayDelta(deltaPicos.spent)}, ${sayDelta(deltaPicos.left)} left.`,
  ]
}
