import { checkOrder, checkOrderGrants, messageDigest, taskOf, type Order } from '@cloister/protocol'
import { expect, test } from 'vitest'

import { domain, grant, order, word } from './examples.ts'

test('an order at its limits is well formed', () => {
  const many = Array.from({ length: 8 }, (_, index) => word(index + 1))
  expect(checkOrder(order)).toEqual([])
  expect(checkOrder({ ...order, assets: many, grants: many })).toEqual([])
})

const nine = Array.from({ length: 9 }, (_, index) => word(index + 1))

test.for<[string, Partial<Order>, string]>([
  ['no asset', { assets: [], grants: [] }, 'assets'],
  ['too many assets', { assets: nine, grants: nine }, 'assets'],
  ['an asset twice', { assets: [word(1), word(1)], grants: [word(2), word(3)] }, 'assets'],
  ['a grant missing', { grants: [] }, 'grants'],
  ['no recipient', { recipientKeyHash: word(0) }, 'recipientKeyHash'],
  ['two replicas', { replicas: 2 }, 'replicas'],
  ['no fee', { feeWei: 0n }, 'feeWei'],
  ['a fee past 96 bits', { feeWei: 2n ** 96n }, 'feeWei'],
  ['nine attempts', { attemptsMax: 9 }, 'attemptsMax'],
  ['no time', { attemptSeconds: 0 }, 'attemptSeconds'],
  ['no attempt', { attemptsMax: 0 }, 'attemptsMax'],
])('%s is refused', ([, change, field]) => {
  expect(checkOrder({ ...order, ...change }).map((problem) => problem.field)).toEqual([field])
})

const fields = (...args: Parameters<typeof checkOrderGrants>) =>
  checkOrderGrants(...args).map((problem) => problem.field)

test('grants must be the ones named, at their places, and paid for', () => {
  expect(checkOrderGrants(domain, order, [grant])).toEqual([])
  expect(fields(domain, order, [])).toEqual(['grants'])
  expect(fields(domain, order, [{ ...grant, nonce: 8n }])).toEqual(['grants[0]'])
  expect(fields(domain, { ...order, assets: [word(9)] }, [grant])).toEqual(['grants[0].assets'])
})

test('seven tenths of the fee must cover the prices', () => {
  const priced = { ...grant, priceWei: 700n }
  const named = { ...order, grants: [messageDigest(domain, 'Grant', priced)] }
  expect(checkOrderGrants(domain, { ...named, feeWei: 1000n }, [priced])).toEqual([])
  expect(checkOrderGrants(domain, { ...named, feeWei: 999n }, [priced])).toMatchObject([
    { field: 'feeWei' },
  ])
})

test('a task is named by its order’s digest', () => {
  expect(taskOf(domain, order).orderDigest).toBe(messageDigest(domain, 'Order', order))
})
