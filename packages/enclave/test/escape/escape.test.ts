import { execFileSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { runApp } from '../../src/attempt/run-app.ts'
import { probeSandbox } from '../../src/sandbox/bubblewrap.ts'
import {
  codeManifest,
  folderOf,
  inputOf,
  ObjectFolder,
  runtimeOver,
} from '../drivers/app-runner.ts'
import { nativeRoot, pythonRoot } from './host-root.ts'

const kind = probeSandbox(process.execPath)
const objects = new ObjectFolder()
const runtime = runtimeOver(objects, kind)
const folder = mkdtempSync(join(tmpdir(), 'cloister-escape-'))
const secret = join(folder, 'secret-canary')
const socketPath = join(folder, 'host.sock')
const abstract = `cloister-escape-${process.pid}`
const servers: Server[] = []
let connections = 0
let port = 0

beforeAll(async () => {
  writeFileSync(secret, 'canary-5c1e', { mode: 0o644 })
  process.env['CLOISTER_CANARY'] = 'canary-5c1e'
  for (const place of [
    { port: 0, host: '127.0.0.1' },
    { path: socketPath },
    { path: `\0${abstract}` },
  ]) {
    const server = createServer((socket) => {
      connections += 1
      socket.destroy()
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(place, resolve))
    const address = server.address()
    if (typeof address === 'object' && address !== null) port = address.port
  }
})

afterAll(() => {
  delete process.env['CLOISTER_CANARY']
  for (const server of servers) server.close()
  runtime.bundles.close()
  rmSync(folder, { recursive: true })
})

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const probes = {
  Node: () => ({ driver: 'js' as const, root: folderOf({ 'main.mjs': readFileSync(here('probe.mjs')) }), entry: ['main.mjs'] }),
  Python: () => {
    const root = pythonRoot()
    if (root === undefined) return undefined
    copyFileSync(here('probe.py'), join(root, 'probe.py'))
    return { driver: 'rootfs' as const, root, entry: ['/usr/bin/python3.11', '/probe.py'] }
  },
  'a native program': () => {
    const root = nativeRoot('probe.c')
    return root === undefined ? undefined : { driver: 'rootfs' as const, root, entry: ['/bin/probe'] }
  },
} // prettier-ignore

/** How many attempts each program makes: fewer lines would mean that it was stopped half-way. */
const attempts = { Node: 25, Python: 25, 'a native program': 79 }

describe.skipIf(kind === 'none').for(['Node', 'Python', 'a native program'] as const)(
  'from %s',
  (name) => {
    test('there is no way out', async () => {
      const probe = probes[name]()
      if (probe === undefined) {
        console.warn(`SKIPPED: ${name} is missing on this machine, its escapes were not tried`)
        return
      }
      const { driver, root, entry } = probe
      const bundle = objects.publish(root, [...entry, secret, String(port), socketPath, abstract])
      rmSync(root, { recursive: true })
      const outputs = [{ name: 'report.txt', bytesMax: 65_536, format: 'text' as const }]
      const manifest = codeManifest({ driver, bundle, outputs })
      const given = { manifest, inputs: [inputOf('table', 'a\n1\n')], recordsMin: 0 }
      const result = await runApp(runtime, given)
      const report = new TextDecoder().decode(result.outputs[0]?.bytes)
      const lines = report.trimEnd().split('\n')
      expect(lines.at(-1)).toBe('end')
      expect(lines.filter((line) => line.startsWith('OPEN'))).toEqual([])
      expect(lines.filter((line) => line.startsWith('closed'))).toHaveLength(attempts[name])
      const descriptors = lines.filter((line) => line.startsWith('descriptor'))
      const leads = descriptors.filter((line) => !/ (\/dev\/null|socket:\[\d+\]|pipe:\[\d+\]|anon_inode:\S+|\/proc\/\d+\/fd|\/out\/report\.txt)$/.test(line)) // prettier-ignore
      expect(leads).toEqual([])
      expect(descriptors.filter((line) => line.includes('socket:')).length).toBeLessThanOrEqual(1)
      expect(report).not.toContain('canary-5c1e')
      expect(connections).toBe(0)
    })
  },
)

test.skipIf(kind === 'none')(
  'a file that was left open for the enclave itself goes no further',
  () => {
    const left = openSync(secret, 'r')
    const seen = execFileSync(process.execPath, [here('list-descriptors.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', left],
    encoding: 'utf8',
  }) // prettier-ignore
    closeSync(left)
    const { outside, inside } = JSON.parse(seen)
    expect(outside).toContain(secret)
    expect(inside.length).toBeGreaterThan(2)
    expect(inside.join()).not.toContain(secret)
  },
)

test('bubblewrap is there wherever it is required', () => {
  if (kind === 'none') console.warn('SKIPPED: bubblewrap does not run here, no escape was tried')
  const required = process.env['CLOISTER_REQUIRE']?.split(',').includes('bwrap') ?? false
  expect(required && kind === 'none').toBe(false)
})
