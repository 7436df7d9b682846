import { readdirSync, readFileSync, rmSync } from 'node:fs'

import { OperationError } from '@cloister/codec'
import { afterAll, describe, expect, test } from 'vitest'

import { limitsOf } from '../../src/drivers/driver.ts'
import { programOf } from '../../src/drivers/run-code.ts'
import { readOutputs } from '../../src/drivers/output-files.ts'
import { runApp } from '../../src/attempt/run-app.ts'
import { probeSandbox } from '../../src/sandbox/bubblewrap.ts'
import { probeControlGroups } from '../../src/sandbox/control-group.ts'
import { runSandboxed } from '../../src/sandbox/run-sandboxed.ts'
import type { SandboxEnd } from '../../src/sandbox/limits.ts'
import { codeManifest, folderOf, ObjectFolder, runtimeOver } from '../drivers/app-runner.ts'
import { nativeRoot } from './host-root.ts'

const kind = probeSandbox(process.execPath)
const objects = new ObjectFolder()
const runtime = runtimeOver(objects, kind)
const root = kind === 'none' || !probeControlGroups() ? undefined : nativeRoot('bombs.c')
const inputs = folderOf({ 'inputs.json': '[]' })
afterAll(() => {
  runtime.bundles.close()
  if (root !== undefined) rmSync(root, { recursive: true })
})
if (root === undefined)
  console.warn('SKIPPED: no sandbox, control groups or C compiler here, no bomb was set off')

const limits = { memoryMiB: 128, cpuSeconds: 3, wallSeconds: 12, processes: 20, tmpMiB: 4 }

function manifestOf(bomb: string) {
  if (root === undefined) throw new TypeError('There is no program')
  const bundle = objects.publish(root, ['/bin/probe', bomb])
  const outputs = [{ name: 'report.txt', bytesMax: 4096, format: 'text' as const }]
  return codeManifest({ driver: 'rootfs', bundle, outputs, limits })
}

async function setOff(bomb: string) {
  const manifest = manifestOf(bomb)
  const program = programOf(runtime, manifest, root ?? '', inputs)
  const run = await runSandboxed(program, limitsOf(manifest), 'bubblewrap')
  expect(run.limitedBy).toBe('control-group')
  const began = performance.now()
  const end: SandboxEnd = await run.ended
  const seconds = (performance.now() - began) / 1000
  let report = ''
  try {
    const [output] = readOutputs(run.outputFolder ?? -1, manifest).outputs
    report = new TextDecoder().decode(output?.bytes)
  } catch (error) {
    if (!(error instanceof OperationError)) throw error
  }
  expect(alive()).toBe(0)
  return { end, report, seconds }
}

function alive(): number {
  return readdirSync('/proc').filter((id) => {
    try {
      return (
        /^\d+$/.test(id) && readFileSync(`/proc/${id}/cmdline`, 'utf8').startsWith('/bin/probe')
      )
    } catch {
      return false
    }
  }).length
}

describe.skipIf(root === undefined)('a bomb', () => {
  test('of forks stops at its count of processes', async () => {
    const { report } = await setOff('forks')
    expect(Number(/forks (\d+)/.exec(report)?.[1])).toBeGreaterThan(4)
    expect(Number(/forks (\d+)/.exec(report)?.[1])).toBeLessThanOrEqual(20)
  })

  test('of a tree of forks ends with its time', async () => {
    const { end, seconds } = await setOff('fork-tree')
    expect(end.kind).toBe('killed')
    expect(seconds).toBeLessThan(14)
  })

  test.for(['memory', 'memory-of-many'])('of %s ends', async (bomb) => {
    const { end, report, seconds } = await setOff(bomb)
    expect(end).toEqual({ kind: 'killed', by: 'memory' })
    expect(report).toBe('')
    expect(seconds).toBeLessThan(10)
  })

  test('of processor time by many ends, though none spends it alone', async () => {
    const { end, report } = await setOff('processor-of-many')
    expect(end).toEqual({ kind: 'killed', by: 'time' })
    expect(report).toBe('')
  })

  test('that is deaf to signals ends', async () => {
    const { end, seconds } = await setOff('deaf')
    expect(end.kind).toBe('killed')
    expect(seconds).toBeLessThan(14)
  })

  test('that leaves a process behind leaves none', async () => {
    const { end, report } = await setOff('daemon')
    expect(end).toEqual({ kind: 'exited', status: 0 })
    expect(report).toBe('left 0\n')
  })

  test('of files writes what it may and no more', async () => {
    const { report } = await setOff('disk')
    const written = Number(/bytes (\d+)/.exec(report)?.[1])
    expect(written).toBeGreaterThan(4 << 20)
    expect(written).toBeLessThan(9 << 20)
  })
})

test.skipIf(root === undefined).for(['sparse', 'pipe'])(
  'an output that is a %s is not read',
  async (bomb) => {
    const began = performance.now()
    const given = { manifest: manifestOf(bomb), inputs: [], recordsMin: 0 }
    await expect(runApp(runtime, given)).rejects.toThrow('The app gave no result')
    expect(performance.now() - began).toBeLessThan(5000)
  },
)

test.skipIf(root === undefined)(
  'where only the watchdog looks, nothing that forks is started',
  async () => {
    const manifest = manifestOf('forks')
    const program = programOf(runtime, manifest, root ?? '', inputs)
    const started = runSandboxed(program, limitsOf(manifest), 'bubblewrap', true)
    await expect(started).rejects.toThrow('may not make control groups')
  },
)
