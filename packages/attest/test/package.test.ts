// The package as others get it: packed, installed from the tarball into an empty project, used as its README says.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'

import { appraise, describeAppraisal, productionAnchors } from '@cloister/attest'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { anyPolicy, evidenceRoot, hasEvidence, readSample } from './evidence.ts'
import { emulated } from './vectors.ts'

const root = resolve(import.meta.dirname, '../../..')
const project = mkdtempSync(join(tmpdir(), 'cloister-package-'))
const installed = join(project, 'node_modules/@cloister/attest')
const vectors = join(import.meta.dirname, 'vectors/emulator')
const real = 'tdx/oak-202510-UpToDate'

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')

/** README's lines, which judge `quote` with `json` at `seconds`. */
const example = /```ts\n(.*?)```/s.exec(readme)![1]!

beforeAll(() => {
  const folder = join(project, 'packed')
  run(process.execPath, [join(root, 'scripts/pack-attest.ts'), folder])
  run('npm', ['pack', folder, '--silent'])
  const [tarball] = globSync('*.tgz', { cwd: project })
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  run('npm', ['install', `./${tarball}`, '--offline', '--no-audit', '--no-fund', '--silent'])
  writeFileSync(join(project, 'emulated.bin'), emulated('up-to-date').quote)
  copyFileSync(join(vectors, 'collateral.json'), join(project, 'emulated.json'))
})

afterAll(() => rmSync(project, { recursive: true }))

function run(command: string, arguments_: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, arguments_, {
    cwd: project,
    encoding: 'utf8',
  })
  if (status !== 0)
    throw new Error(`${command} ${arguments_.join(' ')}\n${stdout}${stderr}`, { cause: error })
  return stdout.trim()
}

/** A program of the README's lines: it judges `NAME.bin` with `NAME.json`. */
function program(name: string, seconds: number): string {
  return `import { readFileSync } from 'node:fs'
const quote = new Uint8Array(readFileSync('${name}.bin'))
const json = readFileSync('${name}.json', 'utf8')
const seconds = ${seconds}
${example}`
}

/** Under the emulator's own root, what is not authentic under any vendor's becomes so. */
const underEmulator = `
const anchor = attest.insecureDevnetAnchor('${JSON.parse(readFileSync(join(vectors, 'quotes.json'), 'utf8')).anchorSpkiSha256}')
console.log((await attest.appraise({ tee: 'tdx', quote }, { ...given, anchors: [anchor] })).authentic)
`

test('it holds JavaScript and types, depends on nothing and may be published', () => {
  const files = globSync('**/*.*', { cwd: installed })
  expect(files.length).toBeGreaterThan(200)
  expect(files.filter((path) => !/(?:\.d\.ts|\.js|\.json|\.md)$/.test(path))).toEqual([])
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  const { private: isPrivate, dependencies, license, sideEffects } = manifest
  expect({ isPrivate, dependencies, license, sideEffects }).toEqual({
    license: 'Apache-2.0',
    sideEffects: false,
  })
  expect(readFileSync(join(installed, 'LICENSE'), 'utf8')).toContain('Apache License')
  expect(existsSync(join(installed, 'schemas/policy.schema.json'))).toBe(true)
})

test('README tells how to install the tarball that npm makes of it', () => {
  const [tarball] = globSync('*.tgz', { cwd: project })
  expect(readme).toContain(`npm install ../cloister/dist/${tarball}\n`)
})

test('every link of its pages leads into it', () => {
  const links = globSync('**/*.md', { cwd: installed }).flatMap((page) =>
    [...readFileSync(join(installed, page), 'utf8').matchAll(/\]\(([^)#\s]+)/g)].map(([, path]) =>
      join(dirname(page), path!),
    ),
  )
  expect(links.length).toBeGreaterThan(10)
  expect(links.filter((path) => !existsSync(join(installed, path)))).toEqual([])
})

const runtimes = [['this Node', process.execPath], ...others()] as const

/** Runtimes on this machine's path: a Node of another version, Deno, Bun. */
function others(): readonly (readonly [string, ...string[]])[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const find = (name: string): string | undefined =>
    folders
      .map((folder) => join(folder, name))
      .find(
        (path) =>
          !path.includes('node_modules') && existsSync(path) && version(path) !== process.version,
      )
  const [node, deno, bun] = ['node', 'deno', 'bun'].map(find)
  if (node === undefined)
    console.warn(`SKIPPED the packed package in another Node: there is only ${process.version}`)
  return [
    ...(node ? [[`Node ${version(node)}`, node] as const] : []),
    ...(deno ? [['Deno', deno, 'run', '-A'] as const] : []),
    ...(bun ? [['Bun', bun] as const] : []),
  ]
}

function version(path: string): string {
  return spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.trim()
}

test.for(runtimes)(
  "README's lines judge an emulated quote in %s",
  async ([, command, ...before]) => {
    const { quote, given } = emulated('up-to-date')
    writeFileSync(join(project, 'emulated.js'), program('emulated', given.now) + underEmulator)
    const anchors = productionAnchors()
    const appraisal = await appraise({ tee: 'tdx', quote }, { ...given, anchors })
    expect(appraisal).toMatchObject({ reject: 'UNTRUSTED_ROOT' })
    expect(run(command, [...before, 'emulated.js'])).toBe(`${describeAppraisal(appraisal)}\ntrue`)
  },
)

test.skipIf(!hasEvidence(runtimes.length)).for(runtimes)(
  "README's lines accept a real quote in %s",
  async ([, command, ...before]) => {
    const { quote, collateral, verifyAt } = readSample(real)
    writeFileSync(join(project, 'real.bin'), quote)
    copyFileSync(join(evidenceRoot, real, 'collateral.json'), join(project, 'real.json'))
    writeFileSync(join(project, 'real.js'), program('real', verifyAt!))
    const given = { collateral, anchors: productionAnchors(), policy: anyPolicy(), now: verifyAt! }
    const answer = run(command, [...before, 'real.js'])
    expect(answer).toBe(describeAppraisal(await appraise({ tee: 'tdx', quote }, given)))
    expect(answer).toMatch(/^Accepted: .*TCB UpToDate/)
  },
)

/** A caller's program, and a mistake that the types have to find: were they missing, nothing would be expected. */
const typed = `
import * as attest from '@cloister/attest'
declare const quote: attest.Bytes
declare const json: string
declare const seconds: number
declare const log: (text: string) => void
${example.replace(/^import.*$/m, '').replace('console.log', 'log')}
const appraisal = await attest.appraise({ tee: 'tdx', quote }, given)
export const mrtd: string = attest.isAccepted(appraisal) ? appraisal.claims.mrtd : ''
export const isMalformed = (error: unknown): boolean => error instanceof attest.MalformedError && error.offset > 0
// @ts-expect-error There is no such kind of evidence.
export const wrong = attest.appraise({ tee: 'none', quote }, given)
`

test.for([
  ['nodenext', [], ['node']],
  ['bundler', ['dom'], []],
] as const)('its types hold with the module resolution %s', ([resolution, libraries, types]) => {
  const folder = join(project, resolution)
  mkdirSync(folder)
  writeFileSync(join(folder, 'caller.ts'), typed)
  const compilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    target: 'es2022',
    lib: ['es2022', ...libraries],
    types,
    typeRoots: [join(root, 'node_modules/@types')],
    module: resolution === 'nodenext' ? 'nodenext' : 'esnext',
    moduleResolution: resolution,
  }
  const config = { compilerOptions, files: ['caller.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  expect(run(join(root, 'node_modules/.bin/tsc'), ['-p', folder])).toBe('')
})

test('a bundle for browsers takes WebCrypto, leaves out what is not imported, and judges', async () => {
  const { given } = emulated('up-to-date')
  writeFileSync(join(project, 'page.js'), program('emulated', given.now) + underEmulator)
  const page = await bundle('page.js')
  expect(page).not.toContain('node:crypto')
  writeFileSync(join(project, 'bundle.js'), page)
  expect(run(process.execPath, ['bundle.js'])).toMatch(/^Not authentic: UNTRUSTED_ROOT .*\ntrue$/s)

  writeFileSync(join(project, 'one.js'), "export { appraiseTdx } from '@cloister/attest'")
  expect(gzipSync(await bundle('one.js'), { level: 9 }).length).toBeLessThan(35_000)
})

async function bundle(name: string): Promise<string> {
  const build = await rolldown({
    input: join(project, name),
    platform: 'browser',
    external: ['node:fs'],
    logLevel: 'silent',
  })
  const { output } = await build.generate({ format: 'esm', minify: true })
  await build.close()
  return output[0].code
}
