import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { canonicalJson, OperationError } from '@cloister/codec'
import { openFolderStore } from '@cloister/io'
import {
  bytes32Field,
  digestOf,
  integerField,
  jsonField,
  limits,
  objectField,
  oneOf,
  parseField,
  textField,
  type FieldValue,
  type PartStore,
} from '@cloister/protocol'
import { encodePartsList, parsePartsList, partsListBytesMax, type PartsList } from '@cloister/seal'
import type { Hex } from 'viem'

import { readText, writeOutput } from '../files.ts'

const aboutField = objectField({
  format: oneOf('cloister-sealed-folder/1'),
  root: bytes32Field,
  /** Of the sealed object, and of what is sealed in it. */
  bytes: integerField(0, Number.MAX_SAFE_INTEGER),
  plainBytes: integerField(0, Number.MAX_SAFE_INTEGER),
  parts: integerField(1, 65_536),
  name: textField(255),
  /** What the plaintext looked like: `cloister data check` and `asset show` say it. Not part of what is sealed or uploaded. */
  schema: jsonField,
})

/** What a folder with a sealed object says about itself. None of it is secret but what a schema tells. */
export type AboutSealed = Omit<FieldValue<typeof aboutField>, 'format'>

/** A sealed object in a folder. The folder is a store, too. */
export type SealedFolder = {
  readonly about: AboutSealed
  readonly list: PartsList
  readonly store: PartStore
}

/** Makes the folder, which only its owner reads. */
export function makeSealedFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
}

/** Completes a folder: stores the parts list, then what the folder is about. Gives the root. */
export async function finishSealedFolder(
  folder: string,
  list: PartsList,
  about: Pick<AboutSealed, 'plainBytes' | 'name' | 'schema'>,
): Promise<Hex> {
  const listed = encodePartsList(list)
  const root = digestOf(listed)
  const store = await openFolderStore(folder)
  await store.put(root.slice(2), listed)
  const text = canonicalJson(
    aboutField.encode({
      ...{ format: 'cloister-sealed-folder/1', root, ...about },
      ...{ bytes: list.bytes, parts: list.parts.length },
    }),
  )
  writeOutput(join(folder, 'asset.json'), `${text}\n`, { what: 'description', force: true })
  return root
}

/** Whether a path is a folder that sealing completed. */
export function isSealedFolder(path: string): boolean {
  return existsSync(join(path, 'asset.json'))
}

/**
 * Opens a folder that sealing completed.
 *
 * @throws {OperationError} `file-missing`, saying that sealing is not over; {MalformedError} where it was damaged.
 */
export async function openSealedFolder(folder: string): Promise<SealedFolder> {
  if (!isSealedFolder(folder))
    throw new OperationError(
      'file-missing',
      `Cannot use ${folder}: nothing was sealed into it to the end; run cloister asset seal with it as --out`,
    )
  const text = readText(join(folder, 'asset.json'), { what: 'description', bytesMax: 1 << 20 })
  const caps = { charactersMax: 1 << 20, depthMax: limits.jsonDepthMax }
  const { format, ...about } = parseField(aboutField, text, 'asset.json', caps)
  const store = await openFolderStore(folder)
  const listed = await store.get(about.root.slice(2), undefined, partsListBytesMax)
  if (digestOf(listed) !== about.root)
    throw new OperationError(
      'tampered',
      `Cannot use ${folder}: its parts list has SHA-256 ${digestOf(listed)}, expected ${about.root} (${format}); seal anew`,
    )
  return { about, list: parsePartsList(listed), store }
}
