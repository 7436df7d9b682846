// Bundles the engine with the native files it needs, and nothing else: what is measured is what runs.
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { OperationError } from '@cloister/codec'
import { rolldown, type Plugin } from 'rolldown'

/** Files of ONNX Runtime that the engine loads. The first one names the second and finds it next to itself. */
const nativeFiles = ['onnxruntime_binding.node', 'libonnxruntime.so.1'] as const

/** What `buildEngine` leaves in its folder. */
export const engineFiles: readonly string[] = ['engine.js', ...nativeFiles]

/**
 * Writes the engine into `outDir`: `engine.js` and two native files. The folder is made where it is missing.
 *
 * @throws {OperationError} `platform` off linux x64, `not-empty` where the folder holds something else.
 */
export async function buildEngine(outDir: string): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new OperationError(
      'platform',
      `Cannot build the engine for ${process.platform} ${process.arch}, only for linux x64`,
    )
  await mkdir(outDir, { recursive: true })
  const strays = (await readdir(outDir)).filter((name) => !engineFiles.includes(name))
  if (strays.length > 0)
    throw new OperationError(
      'not-empty',
      `Cannot build the engine into ${outDir}: it holds ${strays[0]}`,
    )

  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const bundle = await rolldown({
    input: join(root, 'packages/enclave/src/engine/main.ts'),
    cwd: root,
    platform: 'node',
    plugins: [bindingNextToBundle()],
  })
  await bundle.write({
    file: join(outDir, 'engine.js'),
    format: 'esm',
    codeSplitting: false,
    sourcemap: false,
  })
  await bundle.close()
  for (const name of nativeFiles) await copyFile(join(nativeFolder(), name), join(outDir, name))
}

/** Where the installed package keeps the native files. */
export function nativeFolder(): string {
  const entry = createRequire(import.meta.resolve('@cloister/enclave')).resolve('onnxruntime-node')
  return join(dirname(dirname(entry)), 'bin/napi-v6/linux/x64')
}

const bindingRequire =
  'require(`../bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`)'

/** ONNX Runtime looks for its binding in its package. In the bundle it is a neighbour. */
function bindingNextToBundle(): Plugin {
  return {
    name: 'binding-next-to-bundle',
    transform(code, id) {
      if (!id.endsWith('/onnxruntime-node/dist/binding.js')) return undefined
      if (!code.includes(bindingRequire))
        throw new OperationError(
          'onnxruntime-changed',
          `Cannot find how ${id} loads its binding: this version needs another rule here`,
        )
      const neighbour = `process.getBuiltinModule('node:module').createRequire(import.meta.url)('./${nativeFiles[0]}')`
      return { code: code.replace(bindingRequire, () => neighbour), map: null }
    },
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [outDir] = process.argv.slice(2)
  if (outDir === undefined) {
    console.error('Usage: node scripts/build-engine.ts FOLDER')
    process.exitCode = 2
  } else await buildEngine(outDir)
}
