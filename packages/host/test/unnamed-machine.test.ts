import { nodeRegistryAbi, unnamedMachineId } from '@cloister/protocol'
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { startHost } from '../src/index.ts'
import { people } from './home-chain.ts'
import { configOf, mineUntil, startEnclave, startWorld, testLog, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const registry = () =>
  ({ address: world.home.contracts.nodeRegistry, abi: nodeRegistryAbi }) as const

function record(receiptKey: Hex) {
  const args = [receiptKey] as const
  return world.home.chain.read({ ...registry(), functionName: 'recordOf', args })
}

test('a restarted node whose evidence names no machine retires the key it had, and no other node of its operator', async () => {
  const nitro = world.cloud.startEnclave({ enclaveSeed: new Uint8Array(16).fill(3) })
  const [operator] = people.operators
  const config = configOf(world, operator, 0)
  const certified = (receiptKey: Hex) =>
    world.home.chain.read({ ...registry(), functionName: 'certified', args: [receiptKey] })

  const first = await startEnclave(world, undefined, nitro)
  const listen = { host: '127.0.0.1', port: 0 }
  const before = await startHost({ ...config, enclaveSocket: first.path, listen }, { log: testLog })
  await mineUntil(world, () => certified(first.account.address))
  expect((await record(first.account.address)).machineId).toBe(
    unnamedMachineId(first.account.address),
  )
  await before.stop()
  first.close()

  const port = Number(new URL(before.url).port)
  const second = await startEnclave(world, undefined, nitro)
  const after = await startHost(
    { ...config, enclaveSocket: second.path, listen: { ...listen, port } },
    { log: testLog },
  )
  await mineUntil(world, () => certified(second.account.address))
  expect((await record(first.account.address)).retired).toBe(true)
  const nodes = await world.home.chain.read({
    ...registry(),
    functionName: 'nodesOf',
    args: [operator.address],
  })
  expect(nodes).toEqual([second.account.address])

  const elsewhere = await startEnclave(world, undefined, nitro)
  const other = configOf(world, operator, 0)
  const third = await startHost(
    { ...other, enclaveSocket: elsewhere.path, listen },
    { log: testLog },
  )
  await mineUntil(world, () => certified(elsewhere.account.address))
  expect((await record(second.account.address)).retired).toBe(false)
  await third.stop()
  elsewhere.close()
  await after.stop()
  second.close()
})
