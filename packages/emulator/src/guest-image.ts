import {
  canonicalJson,
  encodeHex,
  encodeUtf8,
  OperationError,
  type Bytes,
  type Json,
} from '@cloister/codec'
import { readFileSync } from 'node:fs'
import { sha256 } from './signing-key.ts'

/** Everything that decides what a virtual guest runs. All of it is measured. */
export type GuestImage = {
  /** Names are relative paths inside the guest; paths are where the files are read from. */
  readonly files: readonly GuestFile[]
  /** The name of the Node binary among the files. */
  readonly runtime: string
  /** The name of the bundle among the files. */
  readonly entry: string
  /** Flags for Node itself, before the entry. */
  readonly nodeFlags?: readonly string[]
  /** What the enclave is configured with; it reads it from `config.json` beside its other files. */
  readonly config?: Json
}

/** A file of a guest. */
export type GuestFile = { readonly name: string; readonly path: string }

/** The files that the emulator itself puts into every guest, by name. Measured like all others. */
export function ownFiles(image: GuestImage): ReadonlyMap<string, Bytes> {
  const { entry, runtime, nodeFlags = [], config = {} } = image
  return new Map([
    [configName, encodeUtf8(canonicalJson(config))],
    ['launch.json', encodeUtf8(canonicalJson({ entry, nodeFlags, runtime }))],
    ['package.json', encodeUtf8('{"type":"module"}')],
    [importGuardName, new Uint8Array(readFileSync(new URL('import-guard.ts', import.meta.url)))],
  ])
}

/** The configuration that a guest reads. */
export const configName = 'config.json'

/** Refuses a module that is not measured. Loaded before the entry. */
export const importGuardName = 'import-guard.ts'

/**
 * The manifest: one line `sha256 name` for every file, sorted by name. RTMR3 is extended with it.
 *
 * @throws {OperationError} `guest-image` on a name twice, or one that leaves the guest.
 */
export function manifestText(image: GuestImage, digests: ReadonlyMap<string, Bytes>): string {
  const own = [...ownFiles(image)].map(([name, content]): [string, Bytes] => [
    name,
    sha256(content),
  ])
  return [...digests, ...own]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, digest]) => `${encodeHex(digest)} ${name}\n`)
    .join('')
}

/**
 * Checks names before anything is read.
 *
 * @throws {OperationError} `guest-image` naming the file and what is wrong with its name.
 */
export function checkImage(image: GuestImage): void {
  const names = image.files.map(({ name }) => name)
  if (names.length > filesMax) fail(`${names.length} files, at most ${filesMax} are measured`)
  const taken = new Set(ownFiles(image).keys())
  for (const name of names) {
    if (!safeName.test(name) || name.split('/').some((part) => part === '.' || part === '..'))
      fail(`${JSON.stringify(name)} is no relative path of letters, digits and ._@+-/`)
    if (taken.has(name)) fail(`${name} is there twice, or is one of the emulator's own files`)
    taken.add(name)
  }
  for (const needed of [image.runtime, image.entry])
    if (!names.includes(needed)) fail(`${needed} is not among its files: add it, with its path`)
}

const filesMax = 1024
const safeName = /^[A-Za-z0-9._@+-]+(?:\/[A-Za-z0-9._@+-]+)*$/

function fail(detail: string): never {
  throw new OperationError('guest-image', `Cannot measure this guest image: ${detail}`)
}
