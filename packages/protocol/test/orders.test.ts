import {
  allTees,
  checkOrder,
  checkOrderGrants,
  messageDigest,
  replicaOf,
  replicaTask,
  replicaWei,
  taskOf,
  tasksOf,
  teeSet,
  type Order,
} from '@cloister/protocol'
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
  ['no replica', { replicas: 0 }, 'replicas'],
  ['four replicas', { replicas: 4, tees: allTees }, 'replicas'],
  ['metered replicas', { replicas: 2, unitWei: 1n, tees: allTees }, 'replicas'],
  ['private replicas', { replicas: 2, epsilonMicros: 1n, tees: allTees }, 'replicas'],
  ['two replicas for one vendor', { replicas: 2, tees: teeSet(['sgx', 'tdx']) }, 'tees'],
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

test('replicas are up to three, for as many vendors as order and grants leave', () => {
  const three = { ...order, replicas: 3, tees: teeSet(['tdx', 'sev-snp', 'aws-nitro']) }
  expect(checkOrder(three)).toEqual([])
  const narrow = { ...grant, tees: teeSet(['sgx', 'tdx', 'sev-snp']) }
  const named = { ...three, grants: [messageDigest(domain, 'Grant', narrow)] }
  expect(fields(domain, named, [narrow])).toEqual(['tees'])
  expect(fields(domain, { ...named, replicas: 2 }, [narrow])).toEqual([])
})

test('each replica has a task and a part of the fee, the first also what can’t be divided', () => {
  const three = { ...order, replicas: 3, feeWei: 1001n }
  const { task } = taskOf(domain, three)
  expect(tasksOf(domain, three)).toEqual([0, 1, 2].map((replica) => replicaTask(task, replica)))
  expect(replicaOf(domain, three, replicaTask(task, 2))).toBe(2)
  expect(replicaOf(domain, { ...three, replicas: 2 }, replicaTask(task, 2))).toBe(undefined)
  expect([0, 1, 2].map((replica) => replicaWei(three, replica))).toEqual([335n, 333n, 333n])
})
