import type { Hex } from 'viem'

import { messageDigest, type Domain } from './digest.ts'
import { sameHex, taskId, zeroHash } from './ids.ts'
import { limits } from './limits.ts'
import type { Grant, Order } from './messages.ts'
import type { Problem } from './problems.ts'
import { ownersPartDown } from './split.ts'

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
    if (!sameHex(grant.asset, order.assets[index]))
      problems.push({
        field: `grants[${index}].asset`,
        detail: `${grant.asset} is not the asset at this place of the order`,
      })
  }
  const pricesWei = grants.reduce((sum, grant) => sum + grant.priceWei, 0n)
  if (pricesWei > ownersPartDown(order.feeWei))
    problems.push({
      field: 'feeWei',
      detail: `the owners’ part of ${order.feeWei} wei is ${ownersPartDown(order.feeWei)}, their grants ask for ${pricesWei}`,
    })
  return problems
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
