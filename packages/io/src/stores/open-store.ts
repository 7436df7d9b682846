import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { MalformedError, OperationError } from '@cloister/codec'
import type { PartStore, ReadableStore } from '@cloister/protocol'

import { openFolderStore } from './folder-store.ts'
import { openIpfsGateway } from './ipfs-gateway.ts'
import { openS3Store, type S3Place } from './s3-store.ts'

/** What a store's address says. `node` is the object routes of a host, which their caller opens. */
export type StoreAddress =
  | { readonly kind: 'folder'; readonly folder: string }
  | ({ readonly kind: 's3' } & Omit<S3Place, 'credentials'>)
  | { readonly kind: 'ipfs'; readonly gateway: string }
  | { readonly kind: 'node'; readonly url: string }

/**
 * Reads a store's address: a folder (a path, or `file:///...`), `s3://BUCKET/PREFIX?region=...&endpoint=URL`, `ipfs+https://GATEWAY`, or
 * the `http(s)` address of a node. No address holds a secret.
 *
 * @throws {MalformedError} saying what is expected.
 */
export function parseStoreAddress(text: string): StoreAddress {
  if (isAbsolute(text) || /^\.{1,2}(\/|$)/.test(text))
    return { kind: 'folder', folder: resolve(text) }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.username !== '' || url.password !== '') throw malformed(text)
  switch (url.protocol) {
    case 'file:':
      return { kind: 'folder', folder: fileURLToPath(url) }
    case 's3:':
      return s3Address(url, text)
    case 'ipfs+http:':
    case 'ipfs+https:':
      return { kind: 'ipfs', gateway: text.slice('ipfs+'.length) }
    case 'http:':
    case 'https:':
      return { kind: 'node', url: text }
    default:
      throw malformed(text)
  }
}

/**
 * Opens a store to read from. Credentials of a bucket are looked for where the AWS client does.
 *
 * @throws {OperationError} `store-unusable`, `usage`. @throws {MalformedError} as {@link parseStoreAddress}.
 */
export function openReadableStore(
  address: Exclude<StoreAddress, { kind: 'node' }>,
): Promise<ReadableStore> {
  return address.kind === 'ipfs'
    ? Promise.resolve(openIpfsGateway(address.gateway))
    : openWritableStore(address)
}

/** Opens a store to write to. @throws as {@link openReadableStore}; `usage` for one that only reads. */
export async function openWritableStore(
  address: Exclude<StoreAddress, { kind: 'node' }>,
): Promise<PartStore> {
  if (address.kind === 'folder') return openFolderStore(address.folder)
  if (address.kind === 's3') return openS3Store({ ...address, credentials: undefined })
  throw new OperationError(
    'usage',
    `Cannot write to ${address.gateway}: a gateway only reads; write to a folder, a bucket or a node, and name the gateway where things are read`,
  )
}

function s3Address(url: URL, text: string): StoreAddress {
  const bucket = url.hostname
  const path = url.pathname.replace(/^\/+/, '')
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`
  const unknown = [...url.searchParams.keys()].find((key) => key !== 'region' && key !== 'endpoint')
  const endpoint = url.searchParams.get('endpoint') ?? undefined
  if (bucket === '' || unknown !== undefined) throw malformed(text)
  if (endpoint !== undefined && !/^https?:\/\/[^@]+$/.test(endpoint)) throw malformed(text)
  const region = url.searchParams.get('region') ?? 'us-east-1'
  return { kind: 's3', bucket, prefix, region, endpoint }
}

function malformed(text: string): MalformedError {
  return new MalformedError(
    'store address',
    0,
    `got ${text.slice(0, 200)}, expected a folder, s3://BUCKET/PREFIX?region=R&endpoint=URL, ipfs+https://GATEWAY or a node's http(s) address, without a password`,
  )
}
