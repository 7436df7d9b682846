import { statSync } from 'node:fs'
import { resolve } from 'node:path'

import { canonicalJson, encodeHex, OperationError, parseHex } from '@cloister/codec'
import { systemErrorCode } from '@cloister/io'
import {
  addressField,
  bytes32Field,
  hexField,
  integerField,
  limits,
  objectField,
  oneOf,
  orNull,
  parseField,
  textField,
  type FieldValue,
} from '@cloister/protocol'
import { SecretBytes } from '@cloister/sdk'
import { drawObjectSalt, keyBytes } from '@cloister/seal'
import type { Address, Hex } from 'viem'

import { explain } from '../files.ts'
import type { SourceFile } from './seal-job.ts'

const stateField = objectField({
  format: oneOf('cloister-seal-state/1'),
  owner: addressField,
  salt: bytes32Field,
  secretDataKey: hexField(32),
  objectSalt: hexField(24),
  source: objectField({
    path: textField(4096, 1),
    bytes: integerField(0, Number.MAX_SAFE_INTEGER),
    changed: textField(32, 1),
    inode: textField(32, 1),
  }),
  folder: textField(4096, 1),
  /** The root, once everything is sealed. */
  root: orNull(bytes32Field),
})

/** What sealing one file needs to go on, and its owner to register it. It holds the data key. */
export type SealState = Omit<FieldValue<typeof stateField>, 'format' | 'secretDataKey'> & {
  readonly dataKey: SecretBytes
}

/** Draws everything that one file is sealed under. */
export function beginState(owner: Address, source: SourceFile, folder: string): SealState {
  return {
    owner,
    salt: hexOf(crypto.getRandomValues(new Uint8Array(32))),
    dataKey: new SecretBytes('data key', crypto.getRandomValues(new Uint8Array(keyBytes))),
    objectSalt: hexOf(drawObjectSalt()),
    source,
    folder: resolve(folder),
    root: undefined,
  }
}

/** The state as its owner's secret text. */
export function encodeState({ dataKey, ...state }: SealState): string {
  const secretDataKey = hexOf(dataKey.reveal())
  return canonicalJson(
    stateField.encode({ ...state, format: 'cloister-seal-state/1', secretDataKey }),
  )
}

/** Whether a text is such a state, and not one that registering made of it. */
export function isSealState(text: string): boolean {
  return text.includes('"cloister-seal-state/1"')
}

/** Reads {@link encodeState}'s text. @throws {MalformedError} naming the field. */
export function parseState(text: string): SealState {
  const caps = { charactersMax: limits.bodyBytesMax, depthMax: limits.jsonDepthMax }
  const { format, secretDataKey, ...state } = parseField(stateField, text, 'seal state', caps)
  const key = parseHex(secretDataKey, `${format} data key`)
  return { ...state, dataKey: new SecretBytes('data key', key) }
}

/**
 * A file that is to be sealed, as it stands.
 *
 * @throws {OperationError} `file-missing`, `file-unreadable`.
 */
export function statSource(path: string): SourceFile {
  try {
    const { size, mtimeNs, ino, isFile } = statOf(path)
    if (!isFile)
      throw new OperationError(
        'file-unreadable',
        `Cannot seal ${path}: it is no regular file; name a file`,
      )
    return {
      path: resolve(path),
      bytes: Number(size),
      changed: mtimeNs.toString(),
      inode: ino.toString(),
    }
  } catch (cause) {
    if (cause instanceof OperationError) throw cause
    const code = systemErrorCode(cause)
    const missing = code === 'ENOENT' || code === 'ENOTDIR'
    throw new OperationError(
      missing ? 'file-missing' : 'file-unreadable',
      `Cannot seal ${path}: ${missing ? 'there is no such file' : explain(code)}; check the path`,
      { cause },
    )
  }
}

function statOf(path: string) {
  const stat = statSync(path, { bigint: true })
  return { size: stat.size, mtimeNs: stat.mtimeNs, ino: stat.ino, isFile: stat.isFile() }
}

function hexOf(bytes: Uint8Array): Hex {
  return `0x${encodeHex(bytes)}`
}
