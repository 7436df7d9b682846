import { parseHex, type Bytes } from '@cloister/codec'
import { digestOf, sameHex } from '@cloister/protocol'
import {
  encodePartsList,
  parsePartsList,
  partPlace,
  partsListBytesMax,
  requirePart,
  type ReadPart,
} from '@cloister/seal'
import type { Hex } from 'viem'

import type { SealedSource } from './asset.ts'
import type { Client } from './client.ts'
import { getObject, putObject } from './peer.ts'
import { sayError, sdkError } from './sdk-error.ts'

/** On how many stores an object must be before somebody relies on it: one may vanish. */
export const copiesMin = 2

/** Where an object was stored, and where it could not be. */
export type Upload = {
  readonly digest: Hex
  readonly stores: readonly string[]
  readonly failures: readonly { readonly store: string; readonly reason: string }[]
}

/**
 * Stores an object at every one of `stores`, at least two of which must take it.
 *
 * @throws {OperationError} `store-refused`, with what each store said.
 */
export async function uploadObject(
  client: Client,
  bytes: Bytes,
  stores: readonly string[],
  copies: number = copiesMin,
): Promise<Upload> {
  const digest = digestOf(bytes)
  const distinct = [...new Set(stores)]
  const results = await Promise.allSettled(
    distinct.map((store) => putObject(client.fetch, store, digest, bytes)),
  )
  const failures = results.flatMap((result, index) =>
    result.status === 'fulfilled'
      ? []
      : [{ store: distinct[index] ?? '', reason: sayError(result.reason) }],
  )
  const taken = distinct.filter((store) => !failures.some((failure) => failure.store === store))
  if (taken.length < copies)
    throw sdkError(
      'store-refused',
      `Cannot store object ${digest}: ${taken.length} of ${distinct.length} stores took it, ${copies} are needed; ${failures.map(({ reason }) => reason).join('; ') || 'name more stores'}`,
      { retryable: true },
    )
  return { digest, stores: taken, failures }
}

/**
 * Stores a sealed asset at two or more stores: its parts, then their list.
 *
 * @returns the stores that took everything. @throws {OperationError} `store-refused`, `asset-incomplete`.
 */
export async function uploadSealed(
  client: Client,
  asset: SealedSource & { readonly root: Hex },
  stores: readonly string[],
): Promise<Upload> {
  const listed = encodePartsList(asset.list)
  const digest = digestOf(listed)
  if (!sameHex(digest, asset.root))
    throw sdkError(
      'asset-incomplete',
      `Cannot store the sealed asset: its parts list has digest ${digest}, expected ${asset.root}; seal it anew`,
    )
  let able = stores
  const failures: Upload['failures'][number][] = []
  for (const [index, part] of asset.list.parts.entries()) {
    const { bytes } = partPlace(asset.list.bytes, index)
    const sealed = await asset.readPart({ index, digest: part, bytes })
    await requirePart(asset.list, index, sealed)
    const stored = await uploadObject(client, sealed, able)
    able = stored.stores
    failures.push(...stored.failures)
  }
  const stored = await uploadObject(client, listed, able)
  return { ...stored, failures: [...failures, ...stored.failures] }
}

/**
 * A sealed asset by its root: its parts list, held against the root, and a way to its parts.
 *
 * @throws {OperationError} `output-withheld`; {MalformedError} where the root names no parts list.
 */
export async function fetchSealed(
  client: Client,
  root: Hex,
  stores: readonly string[],
): Promise<SealedSource> {
  parseHex(root, 'root')
  const list = parsePartsList(await getObject(client.fetch, stores, root, partsListBytesMax))
  const readPart: ReadPart = ({ digest, bytes }) =>
    getObject(client.fetch, stores, `0x${digest}`, bytes)
  return { list, readPart }
}

/** An object by its digest from the first store that has it. @throws {OperationError} `output-withheld`. */
export function fetchObject(
  client: Client,
  digest: Hex,
  stores: readonly string[],
): Promise<Bytes> {
  parseHex(digest, 'digest')
  return getObject(client.fetch, stores, digest)
}
