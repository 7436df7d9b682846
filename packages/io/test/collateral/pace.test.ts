import { expect, test } from 'vitest'
import { Gate, Pace } from '../../src/collateral/pace.ts'

/** A clock whose sleepers wake when the test says so. */
function heldClock() {
  const sleepers: { readonly ms: number; readonly wake: () => void }[] = []
  let now = 0
  return {
    sleepers,
    nowMs: () => now,
    sleep: (ms: number) => new Promise<void>((wake) => sleepers.push({ ms, wake })),
    wake: async () => {
      const sleeper = sleepers.shift()
      now += sleeper?.ms ?? 0
      sleeper?.wake()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

test('a rest holds also for who is waiting for a turn already', async () => {
  const clock = heldClock()
  const pace = new Pace(clock)
  await pace.turn('lane', 1_000)
  let isOver = false
  void pace.turn('lane', 1_000).then(() => (isOver = true))
  pace.rest('lane', 7_000)
  expect(clock.sleepers.map(({ ms }) => ms)).toEqual([1_000])
  await clock.wake()
  expect([isOver, clock.sleepers.map(({ ms }) => ms)]).toEqual([false, [6_000]])
  await clock.wake()
  expect(isOver).toBe(true)
})

test('lanes do not wait for one another', async () => {
  const clock = heldClock()
  const pace = new Pace(clock)
  await pace.turn('one', 1_000)
  pace.rest('one', 7_000)
  await pace.turn('another', 1_000)
  expect(clock.sleepers).toEqual([])
})

test('a gate opens again after an action that failed', async () => {
  const gate = new Gate(1)
  const failing = gate.run(() => Promise.reject(new Error('no')))
  const next = gate.run(() => Promise.resolve('yes'))
  await expect(failing).rejects.toThrow('no')
  expect(await next).toBe('yes')
  expect(await gate.run(() => Promise.resolve('again'))).toBe('again')
})
