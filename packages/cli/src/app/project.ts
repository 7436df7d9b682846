import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs' // prettier-ignore
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import {
  canonicalJson,
  MalformedError,
  OperationError,
  parseJson,
  type Json,
} from '@cloister/codec'
import { scanFolder } from '@cloister/enclave'
import { manifestJson, type AppManifest } from '@cloister/learn'
import { checkManifest, type App } from '@cloister/sdk'

import { readText } from '../files.ts'
import { usageError } from '../usage-error.ts'

/** What a project may begin as. */
export const templates = ['onnx-train', 'onnx-infer', 'js', 'python-rootfs'] as const

/** One input of a trial run. */
export type Sample = { readonly role: string; readonly path: string }

const apps = fileURLToPath(new URL('../../../../apps/', import.meta.url))
const projectFile = 'app.json'
const buildFolder = 'build'
const manifestBytesMax = 65_536

/**
 * Makes a folder with a project that runs as it stands.
 *
 * @throws {OperationError} `folder-in-use`.
 */
export function initProject(folder: string, template: string, name: string): void {
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new OperationError(
      'folder-in-use',
      `Cannot make a project in ${folder}: it is not empty; name a new folder`,
    )
  mkdirSync(folder, { recursive: true })
  cpSync(join(apps, 'templates', template), folder, { recursive: true })
  if (template === 'js')
    cpSync(join(apps, 'kit/cloister-app.ts'), join(folder, 'code/cloister-app.ts'))
  const path = join(folder, projectFile)
  const project = readProject(folder)
  writeFileSync(path, `${JSON.stringify({ ...project, name }, null, 2)}\n`)
  writeFileSync(join(folder, '.gitignore'), 'build/\nroot/\ndebs/\n')
}

/** A built app: its manifest, and where its bundle's objects lie. */
export type BuiltApp = {
  readonly app: App
  /** Files named by their digests: the bundle's list and the parts of its archive; empty for an app without code. */
  readonly objects: readonly string[]
  readonly folder: string
}

/**
 * Builds a project: makes its folder of code into a bundle and writes the manifest. Equal folders give equal app ids on any machine.
 *
 * @throws {OperationError} `bundle-unusable`, `file-missing`. @throws {MalformedError} naming the manifest's field.
 */
export function buildProject(folder: string): BuiltApp {
  const project = readProject(folder)
  const out = join(folder, buildFolder)
  const partial = `${out}.partial`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(join(partial, 'objects'), { recursive: true })
  const objects: string[] = []
  const put = (bytes: Uint8Array) => {
    const digest = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(partial, 'objects', digest), bytes)
    if (!objects.includes(digest)) objects.push(digest)
  }
  const bundle = project['bundle']
  const app = checkManifest({
    ...project,
    bundle: isObject(bundle) ? pack(folder, bundle, put) : null,
  })
  writeFileSync(join(partial, 'manifest.json'), `${canonicalJson(manifestJson(app.manifest))}\n`)
  rmSync(out, { recursive: true, force: true })
  renameSync(partial, out)
  return { app, objects, folder: out }
}

/** A project as it was built last. @throws {OperationError} `not-built`. */
export function readBuilt(folder: string): BuiltApp {
  const out = join(folder, buildFolder)
  if (!existsSync(join(out, 'manifest.json')))
    throw new OperationError(
      'not-built',
      `Cannot use ${folder}: it was not built; run cloister app build ${folder}`,
    )
  const text = readText(join(out, 'manifest.json'), {
    what: 'manifest',
    bytesMax: manifestBytesMax,
  })
  return { app: checkManifest(text), objects: readdirSync(join(out, 'objects')), folder: out }
}

/** The bytes of a built app's object. */
export function readBuiltObject({ folder }: BuiltApp, digest: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(folder, 'objects', digest)))
}

/**
 * The inputs of a trial run, from `samples/inputs.json`: `[{"role", "file"}]`, in the order of the manifest's roles.
 *
 * @throws {OperationError} `file-missing`. @throws {MalformedError}.
 */
export function readSamples(folder: string, { inputs }: AppManifest): readonly Sample[] {
  const path = join(folder, 'samples/inputs.json')
  const listed = parseJson(readText(path, { what: 'list of samples', bytesMax: 65_536 }), path, {
    charactersMax: 65_536,
    depthMax: 4,
  })
  if (!isList(listed)) throw new MalformedError(path, 0, 'expected a list of {"role", "file"}')
  const samples = listed.map((item, index) => {
    const { role, file } = isObject(item) ? item : {}
    if (typeof role !== 'string' || typeof file !== 'string')
      throw new MalformedError(`${path}[${index}]`, 0, 'expected {"role", "file"}')
    return { role, path: resolve(folder, 'samples', file) }
  })
  const roles = inputs.map((input) => input.role)
  const sorted = samples.toSorted((a, b) => roles.indexOf(a.role) - roles.indexOf(b.role))
  for (const { role, countMin, countMax, bytesMax } of inputs) {
    const own = sorted.filter((sample) => sample.role === role)
    if (own.length < countMin || own.length > countMax)
      throw usageError(
        `Cannot run the app: samples give ${own.length} of role ${role}, it takes ${countMin} to ${countMax}`,
      )
    const large = own.find((sample) => sizeOf(sample.path) > bytesMax)
    if (large !== undefined)
      throw usageError(`Cannot run the app: ${large.path} has more than ${bytesMax} bytes`)
  }
  const stray = sorted.find(({ role }) => !roles.includes(role))
  if (stray !== undefined)
    throw usageError(`Cannot run the app: it has no role ${JSON.stringify(stray.role)}`)
  return sorted
}

type Fields = { readonly [name: string]: Json }

function readProject(folder: string): Fields {
  const path = join(folder, projectFile)
  const text = readText(path, { what: 'app', bytesMax: manifestBytesMax })
  const project = parseJson(text, path, { charactersMax: manifestBytesMax, depthMax: 4 })
  if (!isObject(project)) throw new MalformedError(path, 0, 'expected an object')
  return project
}

function pack(folder: string, bundle: Fields, put: (bytes: Uint8Array) => void): Json {
  const { folder: name, entry } = bundle
  if (typeof name !== 'string' || entry === undefined)
    throw new MalformedError('app.json bundle', 0, 'expected {"folder", "entry"}')
  const path = resolve(folder, name)
  if (!existsSync(path))
    throw new OperationError(
      'file-missing',
      `Cannot build the app: there is no folder ${path}; make it first${existsSync(join(folder, 'build-root.sh')) ? ', with ./build-root.sh' : ''}`,
    )
  const { digest, bytes, text } = scanFolder(path, put)
  put(text)
  return { digest, bytes, entry }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (cause) {
    throw new OperationError('file-missing', `Cannot read the sample ${path}`, { cause })
  }
}

function isObject(value: Json | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
