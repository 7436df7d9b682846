// Assembles the language model app: its script in one file, and llama.cpp as node-llama-cpp builds it. Equal sources give equal bytes.
import { readFileSync } from 'node:fs'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { OperationError, parseJson, type Bytes, type Json } from '@cloister/codec'
import { rolldown } from 'rolldown'

import { scanFolder } from '../packages/enclave/src/bundle/scan-folder.ts'

/** The version of the addon that the app is written for: its interface is internal to node-llama-cpp. */
const addonVersion = '3.22.1'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Writes the app's bundle into `outDir`, which is made where it is missing: `main.js`, the addon, and llama.cpp's libraries.
 *
 * @throws {OperationError} `not-installed`, `wrong-version`, or `not-empty` where the folder holds something else.
 */
export async function buildLlmChat(outDir: string): Promise<void> {
  const from = llamaFolder()
  const native = (await readdir(from)).filter((name) => /\.(?:node|so)$/.test(name)).toSorted()
  const files = ['main.js', ...native]
  await mkdir(outDir, { recursive: true })
  const stray = (await readdir(outDir)).find((name) => !files.includes(name))
  if (stray !== undefined)
    throw new OperationError('not-empty', `Cannot build into ${outDir}: it holds ${stray}`)
  const bundle = await rolldown({
    input: join(root, 'apps/llm-chat/src/main.ts'),
    cwd: root,
    platform: 'node',
  })
  await bundle.write({
    file: join(outDir, 'main.js'),
    format: 'esm',
    codeSplitting: false,
    sourcemap: false,
  })
  await bundle.close()
  for (const name of native) await copyFile(join(from, name), join(outDir, name))
}

/** A bundle as objects to store: its list, which its digest names, and its parts. */
export type LlmChatBundle = { readonly manifest: Json; readonly objects: readonly Bytes[] }

/** The app's manifest with the bundle in `folder` filled in, and what is to be stored for its nodes. */
export function describeLlmChat(folder: string): LlmChatBundle {
  const parts: Bytes[] = []
  const { text, digest, bytes } = scanFolder(folder, (part) => parts.push(part.slice()))
  const file = readFileSync(join(root, 'apps/llm-chat/manifest.json'), 'utf8')
  const manifest = parseJson(file, 'manifest', { charactersMax: 65_536, depthMax: 8 })
  const bundle = { digest, bytes, entry: ['main.js'] }
  return { manifest: { ...membersOf(manifest), bundle }, objects: [text, ...parts] }
}

function membersOf(value: Json): { readonly [name: string]: Json } {
  if (typeof value === 'object' && value !== null && !isList(value)) return value
  throw new OperationError('malformed', 'Cannot read the manifest of llm-chat: it is no object')
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

/** Where llama.cpp lies, built for the CPU. @throws {OperationError} `not-installed` or `wrong-version`. */
export function llamaFolder(): string {
  const require = createRequire(import.meta.url)
  let entry: string
  try {
    entry = require.resolve('@node-llama-cpp/linux-x64')
  } catch (cause) {
    throw new OperationError(
      'not-installed',
      'Cannot find llama.cpp: @node-llama-cpp/linux-x64 is installed by npm ci on Linux x64 with glibc only',
      { cause },
    )
  }
  const folder = dirname(dirname(entry))
  const manifest: unknown = require(join(folder, 'package.json'))
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest
      ? manifest.version
      : undefined
  if (version !== addonVersion)
    throw new OperationError(
      'wrong-version',
      `Cannot use llama.cpp of node-llama-cpp ${String(version)}: the app is written for ${addonVersion}`,
    )
  return join(folder, 'bins/linux-x64')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [outDir] = process.argv.slice(2)
  if (outDir === undefined) {
    console.error('Usage: node scripts/build-llm-chat.ts FOLDER')
    process.exitCode = 2
  } else {
    await buildLlmChat(outDir)
    console.log(JSON.stringify(describeLlmChat(outDir).manifest))
  }
}
