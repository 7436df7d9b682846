import { AnswerError, marketAbi, nodeRegistryAbi, stakingAbi } from '@cloister/protocol'
import { parseEventLogs } from 'viem'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { people } from './home-chain.ts'
import {
  mineUntil,
  placeOrder,
  readTask,
  registerAsset,
  startNode,
  startWorld,
  type World,
} from './world.ts'

let world: World
let node: Awaited<ReturnType<typeof startNode>>

beforeEach(async () => {
  world = await startWorld()
  node = await startNode(world)
  const { chain, contracts } = world.home
  const args = [node.enclave.account.address] as const
  const registry = { address: contracts.nodeRegistry, abi: nodeRegistryAbi } as const
  await mineUntil(world, () => chain.read({ ...registry, functionName: 'certified', args }))
}, 60_000)
afterEach(async () => {
  await node.host.stop()
  node.enclave.close()
  await world.stop()
})

const refunded = 6
// Types.sol: Ending.GivenUp.
const givenUp = 5

test.for([
  ['an attempt that its enclave cannot run', false, 60],
  ['an attempt whose keepers stay silent until its deadline is near', true, 5],
] as const)('%s is given up, and costs no stake', async ([, retryable, attemptSeconds]) => {
  const { chain, contracts } = world.home
  const message = 'Cannot collect shares: nobody answers'
  node.enclave.methods.set('attempt.run', () =>
    Promise.reject(new AnswerError('keepers-silent', message, { retryable })),
  )
  const args = [people.operators[0].address] as const
  const staking = { address: contracts.staking, abi: stakingAbi } as const
  const before = await chain.read({ ...staking, functionName: 'slashableOf', args })
  const asset = await registerAsset(world)
  await asset.register()
  const { task } = await placeOrder(world, asset, { attemptSeconds, attemptsMax: 1 })
  await mineUntil(world, async () => (await readTask(world, task)).state === refunded)
  const raw = await chain.logs([contracts.market], 0n, (await chain.block()).number)
  const ended = parseEventLogs({ abi: marketAbi, eventName: 'AttemptEnded', logs: [...raw] })
  expect(ended.map(({ args: { ending } }) => ending)).toEqual([givenUp])
  expect(await chain.read({ ...staking, functionName: 'slashableOf', args })).toBe(before)
})
