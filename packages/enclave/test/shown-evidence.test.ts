import { expect, test } from 'vitest'
import type { Hex } from 'viem'

import { ShownEvidence, type Shown } from '../src/attempt/shown-evidence.ts'

const word = (value: number): Hex => `0x${value.toString(16).padStart(64, '0')}`

// Only the place of what is kept matters here.
function shownFor(task: Hex, secondsLeft: number): Shown {
  const shown: unknown = { prepared: { task, attempt: 1, secondsLeft }, evidence: {}, freshKey: {} }
  if (!isShown(shown)) throw new Error('unreachable')
  return shown
}

function isShown(value: unknown): value is Shown {
  return typeof value === 'object' && value !== null
}

function withTimers() {
  const timers: { milliseconds: number; callback: () => void }[] = []
  const memory = new ShownEvidence((milliseconds, callback) => {
    const timer = { milliseconds, callback }
    timers.push(timer)
    return () => void timers.splice(timers.indexOf(timer), 1)
  })
  return { timers, memory }
}

test('evidence and its fresh key go at the attempt’s deadline, and its app is not run any more', () => {
  const { timers, memory } = withTimers()
  memory.keep(shownFor(word(1), 600))
  expect(memory.find(word(1), 1)).toBeDefined()
  expect(timers.map(({ milliseconds }) => milliseconds)).toEqual([600_000])
  timers[0]!.callback()
  expect(memory.find(word(1), 1)).toBeUndefined()
  expect(() => memory.countRun(word(1), 1)).toThrow('deadline')
  expect(timers).toEqual([])
})

test('an app runs three times at most', () => {
  const { memory } = withTimers()
  memory.keep(shownFor(word(2), 600))
  for (let runs = 0; runs < 3; runs++) memory.countRun(word(2), 1)
  expect(() => memory.countRun(word(2), 1)).toThrow('Cannot run the app again')
})

test('an app that gave its one output does not run again', () => {
  const { memory } = withTimers()
  memory.keep(shownFor(word(3), 600))
  memory.countRun(word(3), 1)
  memory.endRuns(word(3), 1)
  expect(memory.find(word(3), 1)).toBeDefined()
  expect(() => memory.countRun(word(3), 1)).toThrow('Cannot run the app again')
})

test('the sixteen newest are remembered, and no timer of another is left', () => {
  const { timers, memory } = withTimers()
  for (let task = 0; task < 20; task++) memory.keep(shownFor(word(task), 600))
  expect(memory.find(word(3), 1)).toBeUndefined()
  expect(memory.find(word(4), 1)).toBeDefined()
  expect(timers).toHaveLength(16)
})
