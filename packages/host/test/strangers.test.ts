import { zeroHash } from 'viem'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { sha256Of } from './objects.ts'
import { startNode, startWorld, type World } from './world.ts'

let world: World
let node: Awaited<ReturnType<typeof startNode>>

beforeAll(async () => {
  world = await startWorld()
  node = await startNode(world)
}, 60_000)
afterAll(async () => {
  await node.host.stop()
  node.enclave.close()
  await world.stop()
})

test('two quotes are made for strangers at once, some wait, and the rest are told to come again', async () => {
  const open: (() => void)[] = []
  let most = 0
  const honest = node.enclave.methods.get('keep.evidence')!
  node.enclave.methods.set('keep.evidence', async (params, host) => {
    await new Promise<void>((resolve) => {
      open.push(resolve)
      most = Math.max(most, open.length)
    })
    return honest(params, host)
  })
  const body = JSON.stringify({ asset: zeroHash, ownerNonce: zeroHash })
  const ask = () => fetch(`${node.host.url}/v1/keep-evidence`, { method: 'POST', body })
  let refused = 0
  const asked = Array.from({ length: 12 }, async () => {
    const { status } = await ask()
    if (status === 429) refused++
    return status
  })
  await vi.waitUntil(() => refused === 4, { timeout: 20_000 })
  expect(most).toBe(2)
  const letting = setInterval(() => open.shift()?.(), 10)
  const statuses = (await Promise.all(asked)).toSorted((a, b) => a - b)
  clearInterval(letting)
  node.enclave.methods.set('keep.evidence', honest)
  expect(statuses.filter((status) => status === 429)).toHaveLength(4)
  expect(most).toBe(2)
  expect((await ask()).status).toBe(statuses[0]) // The lane is free again.
})

test('a body that does not say how long it is fills no more than strangers’ part of the store', async () => {
  let sent = 0
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      sent += 65_536
      if (sent > 64 * 2 ** 20) controller.close()
      else controller.enqueue(new Uint8Array(65_536))
    },
  })
  const init: RequestInit & { duplex: 'half' } = { method: 'PUT', body: endless, duplex: 'half' }
  const response = await fetch(`${node.host.url}/v1/objects/${sha256Of([5])}`, init)
  expect(await response.json()).toMatchObject({
    error: { code: 'store-full', message: expect.stringContaining('open to everybody') },
  })
  expect(response.status).toBe(507)
  // What was taken of it is given back.
  const small = Uint8Array.of(1, 2, 3, 4)
  const put = { method: 'PUT', body: small }
  expect((await fetch(`${node.host.url}/v1/objects/${sha256Of([...small])}`, put)).status).toBe(201)
})
