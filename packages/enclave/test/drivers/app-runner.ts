import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, writeFileSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { OperationError } from '@cloister/codec'
import { readManifest, type AppManifest } from '@cloister/learn'

import { BundleCache } from '../../src/bundle/bundle-cache.ts'
import { scanFolder } from '../../src/bundle/scan-folder.ts'
import type { AppRuntime } from '../../src/drivers/driver.ts'
import { nodeProgram } from '../../src/sandbox/program.ts'

/** Objects by their digest, as a host would have them. */
export class ObjectFolder {
  readonly objects = new Map<string, Uint8Array>()

  put(bytes: Uint8Array): string {
    const digest = `0x${createHash('sha256').update(bytes).digest('hex')}`
    this.objects.set(digest, bytes.slice())
    return digest
  }

  async *read(digest: string): AsyncGenerator<Uint8Array> {
    const bytes = this.objects.get(digest)
    if (bytes === undefined) throw new OperationError('object-refused', `There is no ${digest}`)
    for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000)
  }

  /** Puts a folder's bundle and returns what a manifest says of it. */
  publish(folder: string, entry: readonly string[]) {
    const { text, bytes } = scanFolder(folder, (part) => this.put(part))
    return { digest: this.put(text), bytes, entry }
  }
}

/** A folder with these files; those whose text begins with `#!` may be executed. */
export function folderOf(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-app-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
    if (typeof text === 'string' && text.startsWith('#!')) chmodSync(join(folder, path), 0o755)
  }
  return folder
}

/** A runtime over objects in memory. */
export function runtimeOver(objects: ObjectFolder, sandbox: AppRuntime['sandbox']): AppRuntime {
  return {
    node: process.execPath,
    program: nodeProgram({ node: process.execPath, files: [], entry: '/nothing' }),
    sandbox,
    bundles: new BundleCache((digest) => objects.read(digest)),
  }
}

/** A manifest of an app with code: one kind of input, one JSON output, unless said otherwise. */
export function codeManifest(given: {
  readonly driver: 'js' | 'rootfs'
  readonly bundle: {
    readonly digest: string
    readonly bytes: number
    readonly entry: readonly string[]
  }
  readonly outputs?: AppManifest['outputs']
  readonly metrics?: readonly string[]
  readonly limits?: Partial<AppManifest['limits']>
}): AppManifest {
  const limits = { memoryMiB: 256, cpuSeconds: 20, wallSeconds: 30, processes: 16, tmpMiB: 8 }
  return readManifest({
    format: 'cloister-app/2',
    name: 'test-app',
    version: '1.0.0',
    description: 'An app of a test.',
    driver: given.driver,
    kind: 'run',
    engine: given.driver === 'js' ? 'node-24' : 'none',
    bundle: { ...given.bundle, entry: [...given.bundle.entry] },
    inputs: [{ role: 'table', countMin: 0, countMax: 4, bytesMax: 1 << 24 }],
    outputs: (given.outputs ?? [{ name: 'answer.json', bytesMax: 4096, format: 'json' }]).map(
      (output) => ({ ...output }),
    ),
    metrics: [...(given.metrics ?? [])],
    privacy: 'none',
    session: null,
    accelerator: 'none',
    limits: { ...limits, ...given.limits },
    egress: 'none',
  })
}

/** An input of a run, from bytes. */
export function inputOf(role: string, text: string | Uint8Array) {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const read = async (offset: number, length: number) => bytes.slice(offset, offset + length)
  return { role, size: bytes.length, read }
}
