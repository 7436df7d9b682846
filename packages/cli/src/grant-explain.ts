import { decideGrant, teeSet, type GrantDecision, type GrantRequest } from '@cloister/protocol'
import {
  approvedUntil,
  grantFacts,
  listNodes,
  type Client,
  type GrantStanding,
  type SignedGrant,
} from '@cloister/sdk'

import { findApp } from './app/commands.ts'
import type { Answer, CommandSpec, Given } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { readTee } from './grant-terms.ts'
import { deploymentOption, openSession } from './session.ts'
import { parseAddress, parseDecimal, parseId, wholeNumber } from './values.ts'

type ReadGrant = (client: Client, path: string) => SignedGrant

/** `cloister grant explain`: whether a grant would cover an order, and which nodes. */
export function explainCommand(readGrant: ReadGrant): CommandSpec {
  return {
    usage: 'explain <FILE>',
    about:
      'whether a grant covers an order for an app, by the rules that keepers decide with, and why not',
    options: [
      deploymentOption,
      { flags: '--app <APP>', about: 'name or id of the app', required: true },
      { flags: '--requester <ADDRESS>', about: 'who would ask', required: true },
      { flags: '--asset <ID>', about: "which of the grant's assets; its first unless said" },
      { flags: '--owners <N>', about: 'how many other owners come together; 1 unless said' },
      {
        flags: '--tee <TEE>',
        about: "what the order accepts; the grant's set unless said",
        many: true,
      },
      { flags: '--epsilon <N>', about: 'the most epsilon that the order may spend; 0 unless said' },
      { flags: '--delta <N>', about: 'the same for delta' },
    ],
    run: async (given, run) => {
      const client = await openSession(given, run)
      const signed = readGrant(client, given.argument(0))
      const asset = given.text('asset')
      const facts = await grantFacts(
        client,
        signed,
        asset === undefined ? undefined : parseId('--asset', asset),
      )
      const request = requestOf(client, given, signed, facts)
      const decision = decideGrant(signed.grant, { ...request, node: 'none-yet' }, facts)
      const nodes = await nodeDecisions(client, signed, request, facts)
      return answer(signed, decision, nodes)
    },
  }
}

type Request = Omit<GrantRequest, 'node'>
type NodeDecision = {
  readonly operator: string
  readonly url: string
  readonly decision: GrantDecision
}

function requestOf(
  client: Client,
  given: Given,
  { grant }: SignedGrant,
  { asset, used }: GrantStanding,
): Request {
  const app = findApp(client.deployment, given.needed('app'))
  const tees = given.texts('tee').map(readTee)
  return {
    app: app.id,
    asset,
    requester: parseAddress(given.needed('requester')),
    ownersOthers: given.read('owners', wholeNumber(0, 16)) ?? 1,
    tees: tees.length === 0 ? grant.tees : teeSet(tees),
    epsilonMicros: given.read('epsilon', parseDecimal(6)) ?? 0n,
    deltaPicos: given.read('delta', parseDecimal(12)) ?? 0n,
    manifest: app.facts,
    now: BigInt(client.clock()),
    used,
  }
}

async function nodeDecisions(
  client: Client,
  { grant }: SignedGrant,
  request: Request,
  facts: GrantStanding,
): Promise<readonly NodeDecision[]> {
  const nodes = await listNodes(client)
  return Promise.all(
    nodes.map(async ({ record, url }) => {
      const { tee, operator, measurement, tcb, tier } = record
      const until = await approvedUntil(client, grant.releaseKey, measurement)
      const node = { tee, operator, measurement, tcb, tier, approvedUntil: until }
      return { operator, url, decision: decideGrant(grant, { ...request, node }, facts) }
    }),
  )
}

function answer(
  { digest }: SignedGrant,
  decision: GrantDecision,
  nodes: readonly NodeDecision[],
): Answer {
  const covered = decision.kind === 'allowed'
  const text = [
    covered ? 'The grant covers this.' : `The grant does not cover this: ${say(decision)}.`,
    ...(covered ? nodes.map((node) => `node ${node.operator}: ${say(node.decision)}`) : []),
  ].join('\n')
  return {
    schema: 'cloister.grant.explain/1',
    value: { digest, covered, decision, nodes: covered ? nodes : [] },
    text,
    exit: covered ? exitCodes.ok : exitCodes.failure,
  }
}

function say(decision: GrantDecision): string {
  return decision.kind === 'allowed' ? 'may run it' : `${decision.field}: ${decision.detail}`
}
