import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

import { isRunning, readJsonLine, startChild, type ChildOptions } from '../src/index.ts'

function node(program: string, readyMs = 10_000): ChildOptions {
  return {
    name: 'a program',
    command: process.execPath,
    args: ['-e', program],
    env: {},
    readyMs,
    readyLine: readJsonLine,
  }
}

async function gone(pid: number): Promise<boolean> {
  for (let round = 0; round < 100 && isRunning(pid); round++) await sleep(20)
  return !isRunning(pid)
}

const tree = `
  process.on('SIGTERM', () => 0)
  const { spawn } = require('node:child_process')
  const inGroup = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'])
  const outside = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { detached: true })
  console.log('not ready yet')
  console.log(JSON.stringify({ pids: [inGroup.pid, outside.pid] }))
  setInterval(() => 0, 1000)`

test('stopping ends a child that ignores SIGTERM, its children and those that left its group', async () => {
  const child = await startChild(node(tree))
  const { pids }: { pids: number[] } = JSON.parse(JSON.stringify(child.ready))
  expect([child.pid, ...pids].map(isRunning)).toEqual([true, true, true])
  expect(await child.stop(200)).toEqual({ code: undefined, signal: 'SIGKILL' })
  expect(await Promise.all(pids.map(gone))).toEqual([true, true])
})

test('a grandchild that outlives a child which ended when asked is ended too', async () => {
  const stubborn = `process.on('SIGTERM', () => 0); console.log('{}'); setInterval(() => 0, 1000)`
  const child = await startChild(
    node(`
      const { spawn } = require('node:child_process')
      const inner = spawn(process.execPath, ['-e', ${JSON.stringify(stubborn)}], { detached: true })
      inner.stdout.once('data', () => console.log(JSON.stringify({ inner: inner.pid })))
      process.on('SIGTERM', () => process.exit(0))
      setInterval(() => 0, 1000)`),
  )
  const { inner }: { inner: number } = JSON.parse(JSON.stringify(child.ready))
  expect(isRunning(inner)).toBe(true)
  expect(await child.stop(1_000)).toEqual({ code: 0, signal: undefined })
  expect(await gone(inner)).toBe(true)
})

test('a child that ends before it is ready tells how, with its last words', async () => {
  const program = `console.error('no such port'); process.exitCode = 7`
  await expect(startChild(node(program))).rejects.toMatchObject({
    code: 'child-ended',
    message: expect.stringMatching(/exit code 7.*no such port/),
  })
})

test('a child that is never ready is ended', async () => {
  const program = `console.log('pid ' + process.pid); setInterval(() => 0, 1000)`
  const error: unknown = await startChild(node(program, 500)).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'child-silent' })
  const pid = Number(/pid (\d+)/.exec(String(error))?.[1])
  expect(await gone(pid)).toBe(true)
})

test('a program that is not there is an error', async () => {
  await expect(startChild({ ...node(''), command: '/nowhere/program' })).rejects.toMatchObject({
    code: expect.stringMatching(/child-(missing|ended)/),
  })
})

test('nothing of the environment is passed on unasked', async () => {
  const child = await startChild(
    node(`console.log(JSON.stringify(process.env)); setInterval(() => 0, 1000)`),
  )
  await child.stop()
  expect(child.ready).toEqual({})
})

test('a child dies with a parent that is killed', async () => {
  const source = new URL('../src/index.ts', import.meta.url).pathname
  const parent = await startChild({
    ...node(''),
    args: [
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '-e',
      `import { startChild, readJsonLine } from ${JSON.stringify(source)}
       const child = await startChild({ name: 'inner', command: process.execPath, env: {}, readyMs: 5000,
         args: ['-e', 'console.log("{}"); setInterval(() => 0, 1000)'], readyLine: readJsonLine })
       console.log(JSON.stringify({ inner: child.pid }))`,
    ],
  })
  const { inner }: { inner: number } = JSON.parse(JSON.stringify(parent.ready))
  expect(isRunning(inner)).toBe(true)
  process.kill(parent.pid, 'SIGKILL')
  expect(await gone(inner)).toBe(true)
})
