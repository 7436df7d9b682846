import type { Hex } from 'viem'

import { messageDigest, type Domain } from './digest.ts'
import { deltaPicosEnd } from './grant-form.ts'
import { replicaTask, sameHex, taskId, zeroHash } from './ids.ts'
import { limits } from './limits.ts'
import type { Grant, Order } from './messages.ts'
import type { Problem } from './problems.ts'
import { ownersPartDown } from './split.ts'
import { isTeeSet, sayTees, teeVendors } from './tees.ts'

/** What is structurally wrong with an order; nothing when it is well formed. Spec: docs/protocol.md section 4. */
export function checkOrder(order: Order): readonly Problem[] {
  const problems: Problem[] = []
  const rule = (field: keyof Order, holds: boolean, detail: string) => {
    if (!holds) problems.push({ field, detail })
  }
  const { assets, grants } = order
  rule('assets', assets.length > 0, 'empty, at least one asset must be named')
  rule(
    'assets',
    assets.length <= limits.assetsMax,
    `${assets.length} entries, at most ${limits.assetsMax}`,
  )
  rule(
    'assets',
    assets.every((asset, index) => assets.findIndex((other) => sameHex(other, asset)) === index),
    'the same asset stands twice',
  )
  rule(
    'grants',
    grants.length === assets.length,
    `${grants.length} grants for ${assets.length} assets`,
  )
  rule('recipientKeyHash', !sameHex(order.recipientKeyHash, zeroHash), 'no recipient is named')
  rule(
    'replicas',
    order.replicas > 0 && order.replicas <= limits.replicasMax,
    `got ${order.replicas}, expected 1 to ${limits.replicasMax}`,
  )
  rule(
    'replicas',
    order.replicas <= 1 || (order.unitWei === 0n && order.epsilonMicros === 0n),
    'replicas of a metered or private order could never agree, order one',
  )
  rule('tees', isTeeSet(order.tees), `the set ${order.tees}, at least one TEE must be named`)
  rule(
    'tees',
    teeVendors(order.tees) >= Math.min(order.replicas, limits.replicasMax),
    `${sayTees(order.tees)}: each of ${order.replicas} replicas needs the TEE of another vendor (SGX and TDX are one vendor's)`,
  )
  rule(
    'unitWei',
    order.unitWei <= order.feeWei,
    `got ${order.unitWei}, the fee of ${order.feeWei} does not pay one unit`,
  )
  rule(
    'deltaPicos',
    order.deltaPicos < deltaPicosEnd && (order.deltaPicos === 0n || order.epsilonMicros > 0n),
    `got ${order.deltaPicos}, expected less than ${deltaPicosEnd}, and zero without an epsilon`,
  )
  rule(
    'feeWei',
    order.feeWei > 0n && order.feeWei < 1n << 96n,
    `got ${order.feeWei}, expected 1 to 2^96 - 1`,
  )
  rule('attemptSeconds', order.attemptSeconds > 0, 'zero')
  rule(
    'attemptsMax',
    order.attemptsMax > 0 && order.attemptsMax <= limits.attemptsMax,
    `got ${order.attemptsMax}, expected 1 to ${limits.attemptsMax}`,
  )
  return problems
}

/**
 * What is wrong between an order and the grants that come with it: each must be the one named by
 * digest, for the asset at its place, and the owners' part of the fee must cover their prices.
 */
export function checkOrderGrants(
  domain: Domain,
  order: Order,
  grants: readonly Grant[],
): readonly Problem[] {
  if (grants.length !== order.grants.length)
    return [
      { field: 'grants', detail: `${grants.length} given, the order names ${order.grants.length}` },
    ]
  const problems: Problem[] = []
  for (const [index, grant] of grants.entries()) {
    const digest = messageDigest(domain, 'Grant', grant)
    if (!sameHex(digest, order.grants[index]))
      problems.push({ field: `grants[${index}]`, detail: `${digest} is not the one in the order` })
    if (!grant.assets.some((asset) => sameHex(asset, order.assets[index])))
      problems.push({
        field: `grants[${index}].assets`,
        detail: `the asset at this place of the order, ${order.assets[index]}, is none of them`,
      })
  }
  const paidWei = paidPerUse(order)
  const pricesWei = grants.reduce((sum, grant) => sum + grant.priceWei, 0n)
  if (pricesWei > ownersPartDown(paidWei))
    problems.push({
      field: order.unitWei > 0n ? 'unitWei' : 'feeWei',
      detail: `the owners’ part of ${paidWei} wei is ${ownersPartDown(paidWei)}, their grants ask for ${pricesWei}`,
    })
  return [...problems, ...leftOver(order, grants)]
}

/** What one use of the grants is paid with: one unit where an order is metered, else the fee of one replica. */
export function paidPerUse({ unitWei, feeWei, replicas }: Order): bigint {
  return unitWei > 0n ? unitWei : feeWei / BigInt(Math.max(1, replicas))
}

// Each grant alone may cover the order, and all together leave nobody who could run it.
function leftOver(order: Order, grants: readonly Grant[]): readonly Problem[] {
  const problems: Problem[] = []
  const tees = grants.reduce((set, grant) => set & grant.tees, order.tees)
  if (tees === 0) problems.push({ field: 'tees', detail: 'order and grants have no TEE in common' })
  else if (teeVendors(tees) < order.replicas && teeVendors(order.tees) >= order.replicas)
    problems.push({
      field: 'tees',
      detail: `the grants leave ${sayTees(tees)}: too few vendors for ${order.replicas} replicas, order fewer or ask an owner for another grant`,
    })
  const operators = grants.filter(({ anyNode }) => !anyNode).map((grant) => grant.operators)
  if (!shareOne(operators))
    problems.push({ field: 'grants.operators', detail: 'the grants have no operator in common' })
  const runtimes = grants
    .filter(({ measurements }) => measurements.length > 0)
    .map((grant) => grant.measurements)
  if (!shareOne(runtimes))
    problems.push({ field: 'grants.measurements', detail: 'the grants have no runtime in common' })
  return problems
}

function shareOne(lists: readonly (readonly Hex[])[]): boolean {
  const [first, ...others] = lists
  return (
    first === undefined ||
    first.some((each) => others.every((list) => list.some((other) => sameHex(other, each))))
  )
}

/** The least fee whose owners' part covers these prices. */
export function feeForPricesUp(pricesWei: bigint): bigint {
  const parts = ownersPartDown(1_000_000n)
  return (pricesWei * 1_000_000n + parts - 1n) / parts
}

/** The digest of an order and the task it makes: that of its first replica. */
export function taskOf(
  domain: Domain,
  order: Order,
): { readonly orderDigest: Hex; readonly task: Hex } {
  const orderDigest = messageDigest(domain, 'Order', order)
  return { orderDigest, task: taskId(orderDigest) }
}

/** The tasks of an order, one for each replica. Of an order that says more than there can be, as many as there can. */
export function tasksOf(domain: Domain, order: Order): readonly Hex[] {
  const { task } = taskOf(domain, order)
  const count = Math.max(1, Math.min(order.replicas, limits.replicasMax))
  return Array.from({ length: count }, (_, replica) => replicaTask(task, replica))
}

/** Which replica of an order a task is, from 0; undefined for a task of another order. */
export function replicaOf(domain: Domain, order: Order, task: Hex): number | undefined {
  const found = tasksOf(domain, order).findIndex((each) => sameHex(each, task))
  return found < 0 ? undefined : found
}

/** The part of an order's fee that one replica has in escrow: equal parts, and the first also has what can't be divided. */
export function replicaWei({ feeWei, replicas }: Order, replica: number): bigint {
  const count = BigInt(Math.max(1, replicas))
  const each = feeWei / count
  return replica === 0 ? feeWei - each * (count - 1n) : each
}
