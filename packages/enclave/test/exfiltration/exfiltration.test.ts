import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { AppManifest } from '@cloister/learn'
import { afterAll, describe, expect, test } from 'vitest'

import { memoryFolder } from '../../src/bundle/memory-folder.ts'
import { handOutMilliseconds } from '../../src/outputs/hand-out-time.ts'
import { probeSandbox } from '../../src/sandbox/bubblewrap.ts'
import { probeControlGroups } from '../../src/sandbox/control-group.ts'
import {
  codeManifest,
  folderOf,
  inputOf,
  ObjectFolder,
  runtimeOver,
} from '../drivers/app-runner.ts'
import { nativeRoot, pythonRoot } from '../escape/host-root.ts'
import { prelude, type Attempt } from './attempt.ts'
import { attempts, grantBytesMax } from './attempts.ts'
import { bitsOf, holds, observe, partsOf, type Seen } from './observe.ts'

const kind = probeSandbox(process.execPath)
const objects = new ObjectFolder()
const runtime = runtimeOver(objects, kind)
const forks = kind !== 'none' && probeControlGroups()
const roots = {
  c: forks ? nativeRoot('../exfiltration/leak.c') : undefined,
  python: forks ? pythonRoot() : undefined,
}
// The last bit of each secret's first byte is a bit that some apps tell: one secret has it, the other has not.
const secrets = [randomBytes(32), randomBytes(32)].map((bytes, index) => {
  const secret = Uint8Array.from(bytes)
  secret[0] = ((secret[0] ?? 0) & 0x7e) | index
  return secret
})

afterAll(() => {
  runtime.bundles.close()
  for (const root of Object.values(roots)) if (root !== undefined) rmSync(root, { recursive: true })
})

function manifestOf(attempt: Attempt): AppManifest | undefined {
  const { by, script, outputs, metrics, limits } = attempt
  const given = { ...(outputs && { outputs }), ...(metrics && { metrics }), ...(limits && { limits }) } // prettier-ignore
  if (by === 'js') {
    const folder = folderOf({ 'main.js': prelude + script })
    const bundle = objects.publish(folder, ['main.js'])
    rmSync(folder, { recursive: true })
    return codeManifest({ driver: 'js', bundle, ...given })
  }
  const root = roots[by]
  if (root === undefined) return undefined
  if (by === 'python') writeFileSync(join(root, 'leak.py'), script)
  const entry = by === 'c' ? ['/bin/probe', script] : ['/usr/bin/python3.11', '/leak.py']
  return codeManifest({ driver: 'rootfs', bundle: objects.publish(root, entry), ...given })
}

/** What both parties saw that can't be put down to fresh keys and to how busy the machine is. */
function plainView({ host, recipient }: Seen) {
  return { ended: host.ended, asked: host.asked, sealedBytes: host.sealed.length, recipient }
}

function expectBlocked(seen: readonly Seen[]): void {
  const [first, ...others] = seen.map(plainView)
  for (const other of others) expect(other).toEqual(first)
  for (const { host, recipient } of seen)
    for (const secret of secrets) {
      expect(holds(recipient, secret)).toBe(false)
      expect(holds(host.sealed, secret)).toBe(false)
      expect(holds(Buffer.from([host.ended, ...host.asked].join('\n')), secret)).toBe(false)
    }
}

async function expectCapped(attempt: Attempt, manifest: AppManifest, seen: readonly Seen[]) {
  if (attempt.verdict === 'blocked') return
  const bits = bitsOf(attempt.verdict, manifest, grantBytesMax)
  const views = seen.map(plainView)
  switch (attempt.verdict) {
    case 'outputs': {
      expect(views[0]?.recipient).not.toEqual(views[1]?.recipient) // It is a channel: nothing here says otherwise.
      const sizes = seen.map(({ recipient }) => partsOf(recipient).body.length)
      for (const size of sizes) expect(size * 8).toBeLessThanOrEqual(bits)
      // One byte less in the grant than the app gives, and it gives nothing.
      const tighter = { outputBytesMax: Math.min(...sizes) - 1 }
      const inputs = [inputOf('table', secrets[0] ?? '')]
      const { host, recipient } = await observe(runtime, manifest, inputs, tighter)
      expect([host.ended, recipient.length]).toEqual(['app-failed: The app gave no result', 0])
      return
    }
    case 'metrics': {
      const indexes = seen.map(({ recipient }) => partsOf(recipient).index)
      expect(indexes[0]).not.toEqual(indexes[1])
      for (const index of indexes) {
        const [, figure = ''] = /"m":(-?[\d.]+)\}/.exec(JSON.stringify(index)) ?? []
        expect(figure).toMatch(/^-?\d{1,7}(\.\d{1,4})?$/)
        expect(Math.log2(2 * 1e6 * 1e4 + 1)).toBeLessThanOrEqual(bits + 1e-9)
        expect(Math.abs(Number(figure))).toBeLessThanOrEqual(1e6)
      }
      return
    }
    case 'size': {
      const sealed = seen.map(({ host }) => host.sealed.length)
      expect(sealed[0]).not.toBe(sealed[1])
      // As many sizes as there are numbers up to the declared one; the rest of what is sealed says the same in decimal.
      const sizes = seen.map(({ recipient }) => partsOf(recipient).body.length)
      for (const size of sizes) expect(size).toBeLessThan(2 ** bits)
      return
    }
    case 'time': {
      const told = new Set<number>()
      for (let at = 0; at <= manifest.limits.wallSeconds * 1000; at++)
        told.add(handOutMilliseconds(at))
      expect(Math.log2(told.size)).toBeLessThanOrEqual(bits)
      expect(told.size).toBeGreaterThan(2)
      for (const { host } of seen) expect(host.milliseconds).toBeGreaterThanOrEqual(500)
      expect(views[1]).toEqual(views[0])
      return
    }
    case 'end': {
      const ends = views.map(({ ended }) => ended)
      expect(ends).toEqual(['result', 'app-failed: The app gave no result'])
      expect(new Set(ends).size).toBeLessThanOrEqual(2 ** bits)
      expect(partsOf(seen[0]?.recipient ?? new Uint8Array()).body).toEqual(Uint8Array.from([0x31]))
    }
  }
}

describe.skipIf(kind === 'none')('an app that leaks by', () => {
  test.concurrent.for(attempts)('$name', async (attempt) => {
    const manifest = manifestOf(attempt)
    if (manifest === undefined) {
      console.warn(`SKIPPED: no ${attempt.by} or no control groups here, ${attempt.name} was not tried`)
      return
    }
    const seen = await Promise.all(
      secrets.map((secret) =>
        observe(runtime, manifest, [inputOf('table', secret)], { outputBytesMax: grantBytesMax }),
      ),
    )
    const ended = attempt.ends === 'result' ? 'result' : 'app-failed: The app gave no result'
    expect([seen[0]?.host.ended, seen[0]?.because]).toEqual([ended, expect.stringMatching(attempt.because ?? /^$/)])
    if (attempt.verdict === 'blocked') expectBlocked(seen)
    else await expectCapped(attempt, manifest, seen)
  }) // prettier-ignore
})

test.skipIf(kind === 'none')('nothing of any run is left on this machine', () => {
  const own = readdirSync(memoryFolder()).filter((name) => name.startsWith(`cloister-run-${process.pid}-`)) // prettier-ignore
  expect(own).toEqual([])
  const hex = secrets.map((secret) => Buffer.from(secret).toString('hex').slice(0, 8))
  const running = readdirSync('/proc').filter((id) => {
    try {
      if (!/^\d+$/.test(id) || Number(id) === process.pid) return false
      const told = readFileSync(`/proc/${id}/cmdline`, 'latin1') + readFileSync(`/proc/${id}/comm`, 'latin1')
      return hex.some((each) => told.includes(each))
    } catch {
      return false
    }
  }) // prettier-ignore
  expect(running).toEqual([])
  expect(readdirSync('.').filter((name) => /^core(\.|$)/.test(name))).toEqual([])
})

test('the sandbox is there wherever it is required', () => {
  if (kind === 'none') console.warn('SKIPPED: bubblewrap does not run here, no leak was tried')
  const required = process.env['CLOISTER_REQUIRE']?.split(',').includes('bwrap') ?? false
  expect(required && kind === 'none').toBe(false)
})
