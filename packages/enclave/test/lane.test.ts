import { expect, test } from 'vitest'

import { Lane } from '../src/lane.ts'

test('a lane runs so many at once, lets so many wait, and refuses the rest', async () => {
  const lane = new Lane('request', 2, 1)
  const ends: (() => void)[] = []
  let running = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++running)
    await new Promise<void>((resolve) => void ends.push(resolve))
    running--
  }
  const first = [lane.run(work), lane.run(work), lane.run(work)]
  await expect(lane.run(work)).rejects.toMatchObject({ code: 'busy', retryable: true })
  expect(ends).toHaveLength(2)
  ends.shift()!()
  await first[0]
  await Promise.resolve()
  expect(ends).toHaveLength(2) // The one that waited.
  for (const end of ends) end()
  await Promise.all(first)
  expect(most).toBe(2)
  expect(running).toBe(0)
})

test('a place is given back after a failure', async () => {
  const lane = new Lane('request', 1, 0)
  const failing = lane.run(async () => {
    throw new Error('it failed')
  })
  await expect(failing).rejects.toThrow('it failed')
  await expect(lane.run(async () => 7)).resolves.toBe(7)
})
