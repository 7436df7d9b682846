import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { OperationError } from '@cloister/codec'
import {
  BundleCache,
  nodeProgram,
  probeSandbox,
  runLocally,
  type AppInputSource,
  type LocalRun,
} from '@cloister/enclave'

import { buildEngine, engineFiles } from '../../../../scripts/build-engine.ts'
import { readBuiltObject, type BuiltApp, type Sample } from './project.ts'

/**
 * Runs a built app over samples in the sandbox that enclaves use, with its manifest's limits and no network. What it prints goes to
 * standard error.
 *
 * @throws {OperationError} `no-sandbox`, `app-ended`, `output-unusable` and others, saying what an enclave would keep to itself.
 */
export async function tryApp(built: BuiltApp, samples: readonly Sample[]): Promise<LocalRun> {
  const sandbox = probeSandbox(process.execPath)
  if (sandbox === 'none')
    throw new OperationError(
      'no-sandbox',
      'Cannot run the app: bubblewrap does not run here; install bubblewrap and allow user namespaces',
    )
  const folder = mkdtempSync(join(tmpdir(), 'cloister-engine-'))
  const bundles = new BundleCache(async function* (digest) {
    yield readBuiltObject(built, digest.slice(2))
  })
  try {
    const { manifest } = built.app
    if (manifest.driver === 'onnx') await buildEngine(folder)
    const program = nodeProgram({
      node: process.execPath,
      files: engineFiles.map((name) => ({ from: join(folder, name), to: `/app/engine/${name}` })),
      entry: '/app/engine/engine.js',
    })
    const runtime = { program, node: process.execPath, sandbox, bundles, tells: true } as const
    const inputs = await Promise.all(samples.map(openSample))
    const run = await runLocally(runtime, { manifest, inputs, recordsMin: 0 })
    if (run !== undefined) return run
    throw new OperationError(
      'no-trial',
      `Cannot try the app: driver ${manifest.driver} answers requests, it has no single run`,
    )
  } finally {
    bundles.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function openSample({ role, path }: Sample): Promise<AppInputSource> {
  const file = await open(path, 'r')
  const { size } = await file.stat().finally(() => file.close())
  const read = async (offset: number, length: number) => {
    const again = await open(path, 'r')
    try {
      const bytes = new Uint8Array(length)
      const { bytesRead } = await again.read(bytes, 0, length, offset)
      return bytes.subarray(0, bytesRead)
    } finally {
      await again.close()
    }
  }
  return { role, size, read }
}
