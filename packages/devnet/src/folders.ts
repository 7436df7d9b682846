import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { OperationError } from '@cloister/codec'

/** Where a devnet keeps what it writes. Spec: docs/devnet.md. */
export type Folders = {
  readonly root: string
  readonly deploymentFile: string
  readonly chains: string
  readonly logs: string
  readonly traffic: string
  /** The enclave's bundle, and copies of measured files. */
  readonly build: string
  readonly cache: string
  node(index: number): { readonly host: string; readonly guest: string }
  verifier(index: number): string
  owner(name: string): string
  /** Removes everything, if the folder was made for this run alone. */
  remove(): void
}

/** A unix socket's path is at most 107 bytes, and the longest one here is this much longer than the root. */
const rootCharactersMax = 107 - '/nodes/10/tee/guest.sock'.length

/**
 * Makes the folders of a devnet, in `root` or in a fresh temporary folder.
 *
 * @throws {OperationError} `folder-unusable`, naming the folder and what to do.
 */
export function makeFolders(root: string | undefined): Folders {
  const path = root ?? mkdtempSync(join(tmpdir(), 'cloister-'))
  if (path.length > rootCharactersMax)
    throw new OperationError(
      'folder-unusable',
      `Cannot run a devnet in ${path}: its path is longer than ${rootCharactersMax} characters, and sockets below it would not open; choose a shorter one with --dir`,
    )
  const within = (...parts: readonly string[]): string => {
    const folder = join(path, ...parts)
    make(folder)
    return folder
  }
  return {
    root: path,
    deploymentFile: join(within(), 'deployment.json'),
    chains: within('chains'),
    logs: within('logs'),
    traffic: within('traffic'),
    build: within('build'),
    cache: within('cache'),
    node: (index) => ({
      host: within('nodes', String(index), 'host'),
      guest: join(within('nodes', String(index)), 'tee'),
    }),
    verifier: (index) => within('verifiers', String(index)),
    owner: (name) => within('owners', name),
    remove: () => {
      if (root === undefined) rmSync(path, { recursive: true, force: true })
    },
  }
}

function make(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new OperationError(
      'folder-unusable',
      `Cannot make the folder ${folder}: choose one that you may write with --dir`,
      { cause },
    )
  }
}
