import { parseHex, type Bytes } from '@cloister/codec'
import { digestOf, sameHex } from '@cloister/protocol'
import type { Hex } from 'viem'

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

/** Stores a sealed asset at two or more stores. @throws {OperationError} `store-refused`. */
export async function uploadSealed(
  client: Client,
  asset: { readonly sealed: Bytes; readonly root: Hex },
  stores: readonly string[],
): Promise<Upload> {
  const digest = digestOf(asset.sealed)
  if (!sameHex(digest, asset.root))
    throw sdkError(
      'asset-incomplete',
      `Cannot store the sealed asset: its bytes have digest ${digest}, expected ${asset.root}; seal it anew`,
    )
  return uploadObject(client, asset.sealed, stores)
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
