import {
  appRegistryAbi,
  checkOrder,
  checkOrderGrants,
  decideGrant,
  ledgerAbi,
  marketAbi,
  replicaWei,
  otherOwners,
  sameHex,
  skipReason,
  splitFee,
  teesOf,
  type Grant,
  type GrantRequest,
  type NodeTee,
  type Order,
  type Split,
} from '@cloister/protocol'
import type { Address } from 'viem'

import type { App } from './apps.ts'
import { askChain, chainTime } from './chain.ts'
import type { Client } from './client.ts'
import { approvalsFor, grantFacts, type Approvals, type GrantStanding } from './grant-standing.ts'
import type { SignedGrant } from './grants.ts'
import { listNodes, type NodeOnChain } from './nodes.ts'
import { mostReplicas } from './replicas.ts'
import type { SdkErrorCode } from './sdk-error.ts'

/** Something that would keep an order from being met, and what to do about it. */
export type OrderProblem = { readonly code: SdkErrorCode; readonly detail: string }

/** Whether a node could run the order, and why not. */
export type Candidate = {
  readonly receiptKey: Address
  readonly operator: Address
  readonly tee: NodeTee | undefined
  readonly url: string
  readonly weightWei: bigint
  /** Everything that speaks against it; empty where it may be drawn. */
  readonly reasons: readonly string[]
}

/** What is known about an order before it costs anything. */
export type Preflight = {
  /** Empty where the order can be met. */
  readonly problems: readonly OrderProblem[]
  readonly candidates: readonly Candidate[]
  readonly feeWei: bigint
  /** In the requester's Ledger balance. */
  readonly balanceWei: bigint
  /** Who would get what (of the first replica's part, where there are several), with two keepers and every verifier of the deployment. */
  readonly split: Split
}

/** What a preflight looks at. */
export type OrderToCheck = {
  readonly order: Order
  readonly app: App
  readonly grants: readonly SignedGrant[]
}

/**
 * Looks whether an order can be met: its form, each grant (by the same function that keepers decide with), the fee, the balance, and which
 * nodes could be drawn. Nothing is sent.
 *
 * A draw may still skip a node that is free now; what the chain says can change until the order stands on it.
 *
 * @throws {OperationError} `chain-down`.
 */
export async function preflightOrder(client: Client, given: OrderToCheck): Promise<Preflight> {
  const { order, app, grants } = given
  const now = await chainTime(client.chain)
  const facts = await Promise.all(
    grants.map((signed, index) => grantFacts(client, signed, order.assets[index])),
  )
  const market = await marketFacts(client, order)
  const nodes = await listNodes(client)
  const approvals = await approvalsFor(client, grants, nodes)
  const request = requestOf(order, app, facts, now)
  const candidates = nodes.map((node) => candidateOf(node, given, { facts, approvals, request }))
  const problems = [
    ...formProblems(client, given, now, market),
    ...grants.flatMap((signed, index) => grantProblems(index, signed.grant, facts[index], request)),
    ...fundsProblems(order, market.balanceWei),
    ...nodeProblems(candidates, order.replicas),
  ]
  const split = splitFee({
    feeWei: replicaWei(order, 0),
    pricesWei: grants.map(({ grant }) => grant.priceWei),
    keepers: 2,
    verifiers: client.deployment.verifiers.length,
  })
  return { problems, candidates, feeWei: order.feeWei, balanceWei: market.balanceWei, split }
}

type Request = Omit<GrantRequest, 'asset' | 'node' | 'used'>
type MarketFacts = Awaited<ReturnType<typeof marketFacts>>

async function marketFacts(client: Client, order: Order) {
  const { market, ledger, appRegistry } = client.deployment.home.contracts
  return askChain(client.chain, 'read what the market accepts', async (reader) => {
    const [bounds, balanceWei, appStatus] = await Promise.all([
      reader.readContract({ address: market, abi: marketAbi, functionName: 'config' }),
      reader.readContract({
        address: ledger,
        abi: ledgerAbi,
        functionName: 'balanceOf',
        args: [order.requester],
      }),
      reader.readContract({
        address: appRegistry,
        abi: appRegistryAbi,
        functionName: 'statusOf',
        args: [order.app],
      }),
    ])
    return { bounds, balanceWei, appListed: appStatus === 1 }
  })
}

function formProblems(
  client: Client,
  { order, app, grants }: OrderToCheck,
  now: bigint,
  { bounds, appListed }: MarketFacts,
): readonly OrderProblem[] {
  const problems: OrderProblem[] = []
  const rule = (code: SdkErrorCode, holds: boolean, detail: string) => {
    if (!holds) problems.push({ code, detail })
  }
  const { inputs } = app.manifest
  const least = inputs.reduce((sum, input) => sum + input.countMin, 0)
  const most = inputs.reduce((sum, input) => sum + input.countMax, 0)
  const count = order.assets.length
  const signed = grants.map(({ grant }) => grant)
  for (const { field, detail } of [
    ...checkOrder(order),
    ...checkOrderGrants(client.domain, order, signed),
  ])
    rule('order-refused', false, `${field}: ${detail}; correct the order`)
  rule(
    'order-refused',
    sameHex(order.app, app.id),
    `app: the order names ${order.app}, the manifest is ${app.id}; name one app`,
  )
  rule(
    'order-refused',
    appListed,
    `app: ${app.manifest.name} is not listed in this deployment; order one that is`,
  )
  rule(
    'order-refused',
    count >= least && count <= most,
    `assets: ${app.manifest.name} takes ${least} to ${most} inputs, the order has ${count}; name others`,
  )
  rule(
    'order-refused',
    order.feeWei >= bounds.feeMinWei * BigInt(order.replicas),
    `feeWei: ${order.feeWei}, the market takes ${bounds.feeMinWei} or more for each replica; raise it`,
  )
  rule(
    'order-refused',
    order.replicas === 1 || (app.manifest.kind !== 'federated' && app.manifest.privacy === 'none'),
    `replicas: outputs of ${app.manifest.name} differ from run to run, so replicas could not agree; order one`,
  )
  rule(
    'order-refused',
    order.attemptSeconds >= bounds.attemptSecondsMin &&
      order.attemptSeconds <= bounds.attemptSecondsMax,
    `attemptSeconds: ${order.attemptSeconds}, the market takes ${bounds.attemptSecondsMin} to ${bounds.attemptSecondsMax}`,
  )
  rule(
    'expired',
    order.expiry > now,
    `expiry: ${order.expiry} has passed, it is ${now}; prepare the order anew`,
  )
  rule(
    'order-refused',
    order.expiry <= now + BigInt(bounds.orderSecondsMax),
    `expiry: ${order.expiry} is more than ${bounds.orderSecondsMax} s away; choose an earlier one`,
  )
  return problems
}

function fundsProblems(order: Order, balanceWei: bigint): readonly OrderProblem[] {
  if (balanceWei >= order.feeWei) return []
  const detail = `the fee is ${order.feeWei} wei, ${order.requester} has ${balanceWei} wei in the Ledger; deposit ${order.feeWei - balanceWei} wei`
  return [{ code: 'insufficient-funds', detail }]
}

function nodeProblems(candidates: readonly Candidate[], replicas: number): readonly OrderProblem[] {
  const able = candidates.filter(({ reasons }) => reasons.length === 0)
  const most = mostReplicas(able)
  if (most >= replicas) return []
  if (able.length > 0) {
    const has = able.map(({ operator, tee }) => `${operator}: ${tee}`).join('; ')
    const detail = `${replicas} replicas need as many nodes, each of another operator and on the TEE of another vendor; those that can run this (${has}) make ${most}; order fewer replicas, wait, or get grants that name other nodes and TEEs`
    return [{ code: 'no-eligible-node', detail }]
  }
  const said = candidates.map(({ operator, reasons }) => `${operator}: ${reasons.join(', ')}`)
  const detail = `no node can run this (${said.join('; ') || 'none is certified'}); wait, ask for less, or get grants that name other nodes`
  return [{ code: 'no-eligible-node', detail }]
}

function requestOf(order: Order, app: App, facts: readonly GrantStanding[], now: bigint): Request {
  const { requester, tees, epsilonMicros, deltaPicos } = order
  const owners = facts.map(({ assetOwner }) => assetOwner)
  return {
    ...{ app: order.app, requester, tees, epsilonMicros, deltaPicos, now },
    ownersOthers: otherOwners(owners, requester),
    manifest: app.facts,
  }
}

// What the owner's side allows, before there is any node.
function grantProblems(
  index: number,
  grant: Grant,
  facts: GrantStanding | undefined,
  request: Request,
): readonly OrderProblem[] {
  if (facts === undefined) return []
  const { asset, used } = facts
  const decision = decideGrant(grant, { ...request, asset, used, node: 'none-yet' }, facts)
  if (decision.kind === 'allowed') return []
  const code = decision.field === 'expiry' ? 'expired' : 'grant-refused'
  const detail = `grant ${index} (${grant.purpose || asset}) of ${grant.owner} does not cover this: ${decision.field}: ${decision.detail}`
  return [{ code, detail }]
}

type Known = {
  readonly facts: readonly GrantStanding[]
  readonly approvals: Approvals
  readonly request: Request
}

function candidateOf(node: NodeOnChain, given: OrderToCheck, known: Known): Candidate {
  const { order, grants } = given
  const { record, receiptKey, url, weightWei } = node
  const entry = { ...record, node: receiptKey, weight: weightWei, replaced: false }
  const demand = {
    tierMin: order.tierMin,
    tcbFloor: Math.min(...grants.map(({ grant }) => grant.tcbFloor), 255),
    tags: order.tags,
    tees: order.tees,
    operatorLists: [],
    measurementLists: [],
    taken: [],
    tried: [],
    now: known.request.now,
  }
  const skipped = skipReason(entry, demand)
  const refused = grants.flatMap(({ grant }, index) => nodeRefusal(grant, index, node, known))
  const reasons = [
    ...(weightWei > 0n ? [] : ['too little stake']),
    ...(skipped === undefined ? [] : [skipped]),
    ...refused,
  ]
  const [tee] = teesOf(1 << record.tee)
  return {
    receiptKey,
    operator: record.operator,
    tee,
    url,
    weightWei,
    reasons: [...new Set(reasons)],
  }
}

function nodeRefusal(
  grant: Grant,
  index: number,
  { record }: NodeOnChain,
  { facts, approvals, request }: Known,
): readonly string[] {
  const standing = facts[index]
  if (standing === undefined) return []
  const { tee, operator, measurement, tcb, tier } = record
  const approvedUntil = approvals(grant.releaseKey, measurement)
  const node = { tee, operator, measurement, approvedUntil, tcb, tier }
  const { asset, used } = standing
  const decision = decideGrant(grant, { ...request, asset, used, node }, standing)
  if (decision.kind === 'allowed' || decision.stage !== 'draw') return []
  return [`${decision.field}: ${decision.detail}`]
}
