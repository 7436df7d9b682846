// Writes @cloister/attest as others install it: one package of plain JavaScript with types, and no dependency.
// Each file of the sources becomes one file, so that what is installed can be read beside what is here.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix, resolve } from 'node:path'

import { OperationError } from '@cloister/codec'

const root = resolve(import.meta.dirname, '..')

/** The page of this repository, and where it stands in the package. Links to any other page become plain text. */
const pages: Readonly<Record<string, string>> = {
  'packages/attest/README.md': 'README.md',
  ...Object.fromEntries(
    [
      'docs/attestation.md',
      'docs/ear.md',
      'docs/limitations.md',
      ...globSync('docs/attestation/*.md', { cwd: root }),
    ].map((page) => [page, page]),
  ),
}

/** Oldest Node that has everything the package calls: `hash` of node:crypto came with it. */
const nodes = '>=20.12'

packInto(resolve(process.argv[2] ?? join(root, 'dist/attest')))

function packInto(folder: string): void {
  clear(folder)
  writeCode(folder)
  for (const [page, target] of Object.entries(pages)) write(join(folder, target), pageText(page))
  cpSync(join(root, 'packages/attest/schemas'), join(folder, 'schemas'), { recursive: true })
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  write(join(folder, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`)
  console.log(`Wrote ${folder}`)
}

/** Removes what an earlier run left, and nothing else. */
function clear(folder: string): void {
  if (!existsSync(folder)) return
  const left = join(folder, 'package.json')
  if (!existsSync(left) || !readFileSync(left, 'utf8').includes('"name": "@cloister/attest"'))
    throw new OperationError(
      'not-ours',
      `Cannot write into ${folder}: it is there and holds something else. Name another folder`,
    )
  rmSync(folder, { recursive: true })
}

/** Compiles both packages, and puts each into a folder of its own. */
function writeCode(folder: string): void {
  const compiled = mkdtempSync(join(tmpdir(), 'cloister-pack-'))
  try {
    const tsc = join(root, 'node_modules/.bin/tsc')
    const project = join(root, 'packages/attest/tsconfig.pack.json')
    const { status, error } = spawnSync(tsc, ['-p', project, '--outDir', compiled], {
      stdio: 'inherit',
    })
    if (status !== 0)
      throw new OperationError('compile', 'Cannot compile the package: see above', { cause: error })
    for (const path of globSync('*/src/**/*.{js,d.ts}', { cwd: compiled })) {
      const target = path.replace('/src/', '/')
      write(join(folder, target), linked(readFileSync(join(compiled, path), 'utf8'), target))
    }
  } finally {
    rmSync(compiled, { recursive: true })
  }
}

/** Code whose imports lead to files of the package: the compiler leaves `.ts` in declarations, and names of packages. */
function linked(code: string, path: string): string {
  const codec = posix.relative(posix.dirname(path), 'codec/index.js')
  return code.replaceAll(
    /(\bfrom |\bimport\()(['"])([^'"\n]+)\2/g,
    (_, keyword: string, quote: string, name: string) => {
      const target = name === '@cloister/codec' ? codec : name.replace(/^(\..*)\.ts$/, '$1.js')
      return `${keyword}${quote}${target}${quote}`
    },
  )
}

function pageText(page: string): string {
  const from = posix.dirname(pages[page] ?? page)
  return readFileSync(join(root, page), 'utf8').replaceAll(
    /\[([^\]\n]+)\]\(([^)#\s]+)(#[^)\s]*)?\)/g,
    (link, text: string, path: string, place = '') => {
      if (path.includes('://')) return link
      const target = pages[posix.join(posix.dirname(page), path)]
      return target === undefined ? text : `[${text}](${posix.relative(from, target)}${place})`
    },
  )
}

/** The package's own manifest: what the workspace's says of it, with doors that lead to JavaScript. */
function manifest(): object {
  const { name, version, description, license } = JSON.parse(
    readFileSync(join(root, 'packages/attest/package.json'), 'utf8'),
  )
  return {
    name,
    version,
    description,
    license,
    keywords: ['attestation', 'tee', 'sgx', 'tdx', 'sev-snp', 'nitro', 'cca', 'psa', 'tpm', 'rim'],
    type: 'module',
    sideEffects: false,
    imports: {
      '#crypto': {
        types: './attest/crypto-web.d.ts',
        node: './attest/crypto-node.js',
        default: './attest/crypto-web.js',
      },
    },
    exports: {
      '.': { types: './attest/index.d.ts', default: './attest/index.js' },
      './schemas/*': './schemas/*',
      './package.json': './package.json',
    },
    engines: { node: nodes },
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
