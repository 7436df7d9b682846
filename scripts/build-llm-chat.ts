// Assembles the language model app: its script in one file, and llama.cpp as node-llama-cpp builds it. Equal sources give equal bytes.
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { OperationError } from '@cloister/codec'
import { rolldown } from 'rolldown'

/** The version of the addon that the app is written for: its interface is internal to node-llama-cpp. */
const addonVersion = '3.22.1'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Writes the app's bundle into `outDir`, which is made where it is missing: `main.js`, the addon, and llama.cpp's libraries.
 *
 * @throws {OperationError} `not-installed`, `wrong-version`, or `not-empty` where the folder holds something else.
 */
export async function buildLlmChat(outDir: string): Promise<readonly string[]> {
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
  return files
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
  } else for (const name of await buildLlmChat(outDir)) console.log(name)
}
