import type { Hex } from 'viem'

import { messageDigest, type Domain } from './digest.ts'
import { deltaPicosEnd } from './grant-form.ts'
import { sameHex, taskId, zeroHash } from './ids.ts'
import { limits } from './limits.ts'
import type { Grant, Order } from './messages.ts'
import type { Problem } from './problems.ts'
import { ownersPartDown } from './split.ts'
import { isTeeSet } from './tees.ts'

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
  rule('replicas', order.replicas === 1, `got ${order.replicas}, only 1 is offered`)
  rule('tees', isTeeSet(order.tees), `the set ${order.tees}, at least one TEE must be named`)
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

/** The digest of an order and the task it makes. */
export function taskOf(
  domain: Domain,
  order: Order,
): { readonly orderDigest: Hex; readonly task: Hex } {
  const orderDigest = messageDigest(domain, 'Order', order)
  return { orderDigest, task: taskId(orderDigest) }
}
