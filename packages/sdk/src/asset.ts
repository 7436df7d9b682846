import {
  concatBytes,
  encodeHex,
  encodeUtf8,
  OperationError,
  parseHex,
  type Bytes,
} from '@cloister/codec'
import { assetId, sameHex } from '@cloister/protocol'
import {
  commitShare,
  drawObjectSalt,
  keyBytes,
  partsRoot,
  PartsReader,
  sealInParts,
  sealParts,
  splitKey,
  type PartsList,
  type ReadPart,
  type SealedPart,
} from '@cloister/seal'
import type { Address, Hex } from 'viem'

import type { Client } from './client.ts'
import { SecretBytes } from './secret-bytes.ts'

/** What names a sealed object of an owner's on chain. */
export type AssetName = {
  readonly owner: Address
  /** SHA-256 of the list of the sealed object's parts. */
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

/** A sealed object: the list that its root names, and its parts, wherever they are. */
export type SealedSource = { readonly list: PartsList; readonly readPart: ReadPart }

/** An asset that was sealed in memory. */
export type SealedAsset = AssetSecrets & SealedSource & { readonly parts: readonly Bytes[] }

/** How many keepers hold a share of an asset's key, and how many of them give it back. */
export const sharing = { shares: 3, threshold: 2 } as const

/** Seals bytes for `owner` under a fresh key, and splits that key. Nothing leaves this machine. */
export async function sealAsset(
  client: Client,
  plaintext: Bytes,
  { owner }: { readonly owner: Address },
): Promise<SealedAsset> {
  const sealing = freshSealing(owner)
  const { list, parts } = await sealInParts(sealing, plaintext)
  const secrets = await secretsOf(
    client,
    owner,
    sealing.assetSalt,
    await rootOf(list),
    sealing.dataKey,
  )
  const readPart: ReadPart = ({ index }) => Promise.resolve(parts[index] ?? new Uint8Array())
  return { ...secrets, list, parts, readPart }
}

/**
 * The same with bounded memory: every sealed part is handed to `write` in order (to a file, say), and the next one
 * is made when that is done.
 */
export async function sealAssetStream(
  client: Client,
  plaintext: AsyncIterable<Uint8Array>,
  write: (part: SealedPart) => Promise<void> | void,
  { owner }: { readonly owner: Address },
): Promise<AssetSecrets & { readonly list: PartsList }> {
  const sealing = freshSealing(owner)
  const digests: string[] = []
  let bytes = 0
  for await (const part of sealParts(sealing, plaintext)) {
    await write(part)
    digests.push(part.digest)
    bytes += part.bytes.length
  }
  const list = { bytes, parts: digests }
  const { assetSalt, dataKey } = sealing
  return { ...(await secretsOf(client, owner, assetSalt, await rootOf(list), dataKey)), list }
}

/**
 * Opens an owner's own sealed asset: all of it is what its root names, or nothing is returned.
 *
 * @throws {OperationError} `part-refused`, `wrong-key`, `tampered`, or what the store throws.
 */
export async function openAsset(secrets: OpeningSecrets, source: SealedSource): Promise<Bytes> {
  const reader = await openReader(secrets, source)
  try {
    return await reader.read(0, reader.size)
  } finally {
    reader.close()
  }
}

/** The same as a stream, whose pieces are overwritten when the next is asked for. @throws as {@link openAsset}. */
export async function* openAssetStream(
  secrets: OpeningSecrets,
  source: SealedSource,
): AsyncGenerator<Bytes, void, undefined> {
  const reader = await openReader(secrets, source)
  try {
    yield* reader.stream()
  } finally {
    reader.close()
  }
}

/** What opening takes. */
export type OpeningSecrets = Pick<AssetSecrets, 'owner' | 'salt' | 'root' | 'dataKey'>

async function openReader(secrets: OpeningSecrets, source: SealedSource): Promise<PartsReader> {
  const root = await rootOf(source.list)
  if (!sameHex(root, secrets.root))
    throw new OperationError(
      'tampered',
      `Cannot open the sealed object: its parts list has root ${root}, the asset's is ${secrets.root}; fetch it again`,
    )
  const context = assetContext(secrets.owner, secrets.salt)
  return new PartsReader(secrets.dataKey.reveal(), context, source.list, source.readPart)
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

/** What an asset's ciphertext is bound to. Spec: docs/protocol.md section 2a. */
export function assetContext(owner: Address, salt: Hex): Bytes {
  return concatBytes(
    encodeUtf8('cloister/asset/1\0'),
    parseHex(owner, 'owner'),
    parseHex(salt, 'salt'),
  )
}

// Everything that one object is sealed under, drawn for it alone.
function freshSealing(owner: Address) {
  const assetSalt: Hex = `0x${encodeHex(crypto.getRandomValues(new Uint8Array(32)))}`
  const key = crypto.getRandomValues(new Uint8Array(keyBytes))
  const dataKey = new SecretBytes('data key', key)
  return {
    key,
    dataKey,
    assetSalt,
    context: assetContext(owner, assetSalt),
    salt: drawObjectSalt(),
  }
}

async function rootOf(list: PartsList): Promise<Hex> {
  return `0x${await partsRoot(list)}`
}
