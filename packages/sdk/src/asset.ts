import { concatBytes, encodeHex, encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import { assetId } from '@cloister/protocol'
import {
  commitShare,
  createSealer,
  digestSealed,
  open,
  openStream,
  seal,
  splitKey,
  keyBytes,
} from '@cloister/seal'
import type { Address, Hex } from 'viem'

import type { Client } from './client.ts'
import { SecretBytes } from './secret-bytes.ts'

/** What names a sealed object of an owner's on chain. */
export type AssetName = {
  readonly owner: Address
  /** SHA-256 of the sealed bytes. */
  readonly root: Hex
  readonly salt: Hex
  /** The asset's identifier in this deployment. */
  readonly asset: Hex
}

/** What an owner keeps of a sealed asset. The key and the shares are secret. */
export type AssetSecrets = AssetName & {
  readonly dataKey: SecretBytes
  /** For the keepers, in the order of the share index: 2 of 3 give the key. */
  readonly shares: readonly [SecretBytes, SecretBytes, SecretBytes]
  readonly commitments: readonly [Hex, Hex, Hex]
}

/** An asset that was sealed in memory. */
export type SealedAsset = AssetSecrets & { readonly sealed: Bytes }

/** How many keepers hold a share of an asset's key, and how many of them give it back. */
export const sharing = { shares: 3, threshold: 2 } as const

/** Seals bytes for `owner` under a fresh key, and splits that key. Nothing leaves this machine. */
export async function sealAsset(
  client: Client,
  plaintext: Bytes,
  { owner }: { readonly owner: Address },
): Promise<SealedAsset> {
  const salt = freshSalt()
  const dataKey = freshKey()
  const sealed = await seal(dataKey.reveal(), assetContext(owner, salt), plaintext)
  const root: Hex = `0x${encodeHex(await digestSealed(sealed))}`
  return { sealed, ...(await secretsOf(client, owner, salt, root, dataKey)) }
}

/**
 * The same with bounded memory: every sealed piece is handed to `write` in order (to a file, say), and the next one
 * is made when that is done.
 */
export async function sealAssetStream(
  client: Client,
  plaintext: AsyncIterable<Uint8Array>,
  write: (sealed: Bytes) => Promise<void> | void,
  { owner }: { readonly owner: Address },
): Promise<AssetSecrets> {
  const salt = freshSalt()
  const dataKey = freshKey()
  const sealer = createSealer(dataKey.reveal(), assetContext(owner, salt))
  const pieces = written(sealer.sealStream(plaintext), write)
  const root: Hex = `0x${encodeHex(await digestSealed(pieces))}`
  return secretsOf(client, owner, salt, root, dataKey)
}

/** Opens an owner's own sealed asset. @throws {OperationError} `wrong-key`, `tampered` or `truncated`. */
export async function openAsset(
  secrets: Pick<AssetSecrets, 'owner' | 'salt' | 'dataKey'>,
  sealed: Bytes,
): Promise<Bytes> {
  return open(secrets.dataKey.reveal(), assetContext(secrets.owner, secrets.salt), sealed)
}

/** The same as a stream: complete only once it ends without an error. @throws as {@link openAsset}. */
export function openAssetStream(
  secrets: Pick<AssetSecrets, 'owner' | 'salt' | 'dataKey'>,
  sealed: AsyncIterable<Uint8Array>,
): AsyncIterable<Bytes> {
  return openStream(secrets.dataKey.reveal(), assetContext(secrets.owner, secrets.salt), sealed)
}

/** Completes what an owner keeps: splits the key and commits to each share. */
export async function secretsOf(
  client: Pick<Client, 'id'>,
  owner: Address,
  salt: Hex,
  root: Hex,
  dataKey: SecretBytes,
): Promise<AssetSecrets> {
  const split = await splitKey(dataKey.reveal(), sharing)
  const shares = three(split.map((share) => new SecretBytes('key share', share)))
  return withCommitments(client, { owner, salt, root, dataKey, shares })
}

/** The asset's name and commitments for shares that were split before. */
export async function withCommitments(
  client: Pick<Client, 'id'>,
  given: Omit<AssetSecrets, 'asset' | 'commitments'>,
): Promise<AssetSecrets> {
  const { owner, root, salt, shares } = given
  const asset = assetId({ deployment: client.id, owner, root, salt })
  const commitment = async (index: 0 | 1 | 2): Promise<Hex> =>
    `0x${encodeHex(await commitShare({ asset: parseHex(asset), index, share: shares[index].reveal() }))}`
  return {
    ...given,
    asset,
    commitments: [await commitment(0), await commitment(1), await commitment(2)],
  }
}

/** Exactly three of something. @throws {RangeError} where there are more or fewer. */
export function three<T>(items: readonly T[]): readonly [T, T, T] {
  const [first, second, third, ...more] = items
  if (first === undefined || second === undefined || third === undefined || more.length > 0)
    throw new RangeError(`Cannot use ${items.length} of what there are three of`)
  return [first, second, third]
}

// Spec: docs/protocol.md section 2a.
function assetContext(owner: Address, salt: Hex): Bytes {
  return concatBytes(
    encodeUtf8('cloister/asset/1\0'),
    parseHex(owner, 'owner'),
    parseHex(salt, 'salt'),
  )
}

function freshKey(): SecretBytes {
  return new SecretBytes('data key', crypto.getRandomValues(new Uint8Array(keyBytes)))
}

function freshSalt(): Hex {
  return `0x${encodeHex(crypto.getRandomValues(new Uint8Array(32)))}`
}

async function* written(
  sealed: AsyncIterable<Bytes>,
  write: (piece: Bytes) => Promise<void> | void,
): AsyncGenerator<Bytes> {
  for await (const piece of sealed) {
    await write(piece)
    yield piece
  }
}
