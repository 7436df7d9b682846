import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, expect, test } from 'vitest'

import { SealedStates } from '../src/sealed-states.ts'

const root = mkdtempSync(join(tmpdir(), 'clo-sealed-'))
afterAll(() => rmSync(root, { recursive: true }))

const key = (digit: string): `0x${string}` => `0x${digit.repeat(40)}`
const open = (name: string) => SealedStates.open(join(root, name))

test('an enclave is shown what the one before it sealed last, not what it sealed itself', async () => {
  const states = await open('shown')
  expect(await states.before(key('a'))).toBeUndefined()
  await states.put(key('a'), Uint8Array.of(1))
  await states.put(key('a'), Uint8Array.of(2))
  expect(await states.before(key('a'))).toBeUndefined()
  expect([...(await states.before(key('b')))!]).toEqual([2])
  expect(readdirSync(join(root, 'shown'))).toHaveLength(1)
})

test('of several before it the newest is shown, and old ones are removed', async () => {
  const states = await open('pruned')
  for (const [index, digit] of ['1', '2', '3', '4', '5'].entries()) {
    await states.put(key(digit), Uint8Array.of(index))
    utimesSync(join(root, 'pruned', `${key(digit)}.sealed`), 1000 + index, 1000 + index)
  }
  expect([...(await states.before(key('f')))!]).toEqual([4])
  await states.prune(key('1'), 2)
  expect(readdirSync(join(root, 'pruned')).toSorted()).toEqual(
    [key('1'), key('4'), key('5')].map((each) => `${each}.sealed`),
  )
  await states.prune(key('1'), 0)
  expect(readdirSync(join(root, 'pruned'))).toEqual([`${key('1')}.sealed`])
})

test('a state of no bytes or too many is refused', async () => {
  const states = await open('sizes')
  await expect(states.put(key('a'), new Uint8Array(0))).rejects.toMatchObject({ code: 'too-large' })
  await expect(states.put(key('a'), new Uint8Array(2 ** 20 + 1))).rejects.toMatchObject({
    code: 'too-large',
  })
})
