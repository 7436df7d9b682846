import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { descendantsOf, isRunning } from '@cloister/io'
import { expect, test } from 'vitest'

import { start } from './cli.ts'

test('a second Ctrl-C while a devnet starts ends it by force and leaves nothing', async () => {
  const temporary = mkdtempSync(join(tmpdir(), 'cli-'))
  const child = start(['devnet', 'up'], { env: { TMPDIR: temporary } })
  try {
    const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
    const phase = new Promise((resolve) => {
      child.stderr?.on('data', (part: Buffer) => {
        if (part.toString().includes('verifiers and nodes')) resolve(true)
      })
    })
    await Promise.race([phase, ended])
    await sleep(1000) // Processes are being started now.
    const children = descendantsOf(child.pid ?? 0)
    expect(children.length).toBeGreaterThan(2)
    child.kill('SIGINT')
    await sleep(50)
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    await sleep(200)
    expect(children.filter(isRunning)).toEqual([])
    expect(readdirSync(temporary)).toEqual([])
  } finally {
    child.kill('SIGKILL')
    rmSync(temporary, { recursive: true })
  }
})

test('Ctrl-C while a devnet starts ends it at the next step and leaves nothing', async () => {
  const temporary = mkdtempSync(join(tmpdir(), 'cli-'))
  const child = start(['devnet', 'up'], { env: { TMPDIR: temporary } })
  try {
    const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
    await new Promise((resolve) => child.stderr?.once('data', resolve))
    await sleep(300)
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(readdirSync(temporary)).toEqual([])
  } finally {
    child.kill('SIGKILL')
    rmSync(temporary, { recursive: true })
  }
})
