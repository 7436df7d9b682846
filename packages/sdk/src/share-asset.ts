import type { Bytes } from '@cloister/codec'
import { sameHex } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { sealAsset, secretsOf, three, type AssetSecrets } from './asset.ts'
import { accountOf, type Client } from './client.ts'
import { appraiseKeeper, type AppraisedKeeper } from './keeper.ts'
import { assetOnChain, registerAsset, signKeeperPolicy, type KeeperRule } from './registry.ts'
import { sdkError } from './sdk-error.ts'
import { encodeShareState, parseShareState, type ShareState } from './share-state.ts'
import { depositShare, type ShareAcknowledgement, type SignedKeeperPolicy } from './shares.ts'
import { uploadSealed } from './upload.ts'

/** Who shall keep a share, and where its node answers. */
export type KeeperAddress = { readonly operator: Address; readonly url: string }

/** What {@link shareAsset} does its work with. */
export type ShareAssetOptions = ShareSealedOptions & {
  /** What is sealed. Not needed any more once a state was saved. */
  readonly plaintext: Bytes | (() => Promise<Bytes>)
  /** At least two. */
  readonly stores: readonly string[]
}

/** An object that was sealed and stored elsewhere: what it is called, and the key that opens it. */
export type StoredObject = Pick<AssetSecrets, 'owner' | 'root' | 'salt' | 'dataKey'> & {
  /** Where it is, as its owner names the places. */
  readonly stores: readonly string[]
}

/** What {@link shareSealed} does its work with. */
export type ShareSealedOptions = {
  /** Three of them, in the order of the share index. */
  readonly keepers: readonly KeeperAddress[]
  readonly rule?: Omit<KeeperRule, 'operators'>
  readonly metadataHash?: Hex
  /**
   * Called before anything is registered and after each share: write the text to a place that only the owner reads,
   * and let it reach the disk before you return. It holds the data key.
   */
  readonly save: (secretState: string) => Promise<void> | void
  /** What was saved last, to go on after a failure instead of making a second asset. */
  readonly resume?: string
}

/** An asset that its owner may now go offline with. */
export type SharedAsset = AssetSecrets & {
  readonly keeperPolicy: SignedKeeperPolicy
  /** Where the sealed object is. */
  readonly stores: readonly string[]
  readonly acknowledgements: readonly [
    ShareAcknowledgement,
    ShareAcknowledgement,
    ShareAcknowledgement,
  ]
}

/**
 * Seals an asset, stores it, registers it, and gives each keeper its share, after appraising that keeper. Run it again with
 * the saved state after any failure: it goes on where it stopped, and never makes a second asset.
 *
 * @throws {OperationError} `keeper-refused`, `store-refused`, `asset-incomplete`, `wrong-owner`, `no-account`, `peer-unreachable`,
 * `peer-refused`, `peer-malformed`, `chain-down`, `reverted`.
 */
export function shareAsset(client: Client, options: ShareAssetOptions): Promise<SharedAsset> {
  return share(client, options, (owner, keepers) => begin(client, owner, keepers, options))
}

/**
 * Registers what was sealed and stored before, of any size, and gives each keeper its share. Run it again with the saved state
 * after any failure. @throws as {@link shareAsset}.
 */
export function shareSealed(
  client: Client,
  object: StoredObject,
  options: ShareSealedOptions,
): Promise<SharedAsset> {
  return share(client, options, async (owner, keepers) => {
    const { salt, root, dataKey, stores } = object
    if (!sameHex(owner, object.owner))
      throw sdkError(
        'wrong-owner',
        `Cannot register the object ${root}: it was sealed for ${object.owner}, the account is ${owner}; connect with the owner's account`,
      )
    const secrets = await secretsOf(client, owner, salt, root, dataKey)
    return prepared(client, keepers, options, secrets, () => Promise.resolve(stores))
  })
}

/** Goes on with the saved state of {@link shareAsset} or {@link shareSealed}. @throws as they. */
export function resumeSharing(
  client: Client,
  options: ShareSealedOptions & { readonly resume: string },
): Promise<SharedAsset> {
  return share(client, options, () => {
    throw new RangeError('There is a saved state')
  })
}

async function share(
  client: Client,
  options: ShareSealedOptions,
  start: (owner: Address, keepers: readonly KeeperAddress[]) => Promise<ShareState>,
): Promise<SharedAsset> {
  const owner = accountOf(client, 'share an asset').address
  const keepers = three(options.keepers)
  const begun =
    options.resume === undefined
      ? await start(owner, keepers)
      : await parseShareState(client, options.resume)
  let state = checkState(begun, owner, keepers)
  client.onProgress({ step: 'register', detail: `asset ${state.secrets.asset}` })
  await registerAsset(client, state.secrets, state.keeperPolicy.policy, options.metadataHash)
  for (const index of [0, 1, 2] as const) {
    if (state.acknowledgements[index] !== undefined) continue
    const keeper = await appraise(client, keepers[index], state.secrets.asset, state.keeperPolicy)
    client.onProgress({ step: 'deposit-share', detail: `share ${index} to ${keeper.url}` })
    const given = await depositShare(client, keeper, state.secrets, index, state.keeperPolicy)
    state = { ...state, acknowledgements: with3(state.acknowledgements, index, given) }
    await options.save(encodeShareState(client, state))
  }
  const acknowledgements = three(state.acknowledgements.filter((each) => each !== undefined))
  const { secrets, keeperPolicy, stores } = state
  return { ...secrets, keeperPolicy, stores, acknowledgements }
}

/** Whether an asset is registered on chain. @throws {OperationError} `chain-down`. */
export async function isRegistered(client: Client, asset: Hex): Promise<boolean> {
  return (await assetOnChain(client, asset)) !== undefined
}

async function begin(
  client: Client,
  owner: Address,
  keepers: readonly KeeperAddress[],
  options: ShareAssetOptions,
): Promise<ShareState> {
  const { plaintext } = options
  client.onProgress({ step: 'seal', detail: 'under a fresh key' })
  const bytes = typeof plaintext === 'function' ? await plaintext() : plaintext
  const { list, parts, readPart, ...secrets } = await sealAsset(client, bytes, { owner })
  return prepared(client, keepers, options, secrets, async () => {
    client.onProgress({
      step: 'upload',
      detail: `${list.bytes} sealed bytes in ${parts.length} parts`,
    })
    const sealed = { list, readPart, root: secrets.root }
    return (await uploadSealed(client, sealed, options.stores)).stores
  })
}

// Until the state is saved nothing is on chain: a run that ends before that leaves only bytes that nobody can open.
async function prepared(
  client: Client,
  keepers: readonly KeeperAddress[],
  { rule, save }: ShareSealedOptions,
  secrets: AssetSecrets,
  upload: () => Promise<readonly string[]>,
): Promise<ShareState> {
  const operators = keepers.map(({ operator }) => operator)
  const keeperPolicy = await signKeeperPolicy(client, secrets.asset, { ...rule, operators })
  // A keeper that would be refused is better known before anything is stored and registered.
  for (const keeper of keepers) await appraise(client, keeper, secrets.asset, keeperPolicy)
  const state = {
    secrets,
    keeperPolicy,
    stores: await upload(),
    acknowledgements: [undefined, undefined, undefined],
  } as const
  await save(encodeShareState(client, state))
  return state
}

function appraise(
  client: Client,
  { operator, url }: KeeperAddress,
  asset: Hex,
  { policy }: SignedKeeperPolicy,
): Promise<AppraisedKeeper> {
  client.onProgress({ step: 'appraise', detail: `keeper ${operator} at ${url}` })
  return appraiseKeeper(client, url, asset, policy, operator)
}

function checkState(
  state: ShareState,
  owner: Address,
  keepers: readonly KeeperAddress[],
): ShareState {
  const { secrets, keeperPolicy } = state
  if (!sameHex(secrets.owner, owner))
    throw sdkError(
      'wrong-owner',
      `Cannot go on with asset ${secrets.asset}: it is ${secrets.owner}'s, the account is ${owner}; connect with the owner's account`,
    )
  const operators = keeperPolicy.policy.operators
  const moved = keepers.findIndex(({ operator }, index) => !sameHex(operator, operators[index]))
  if (moved >= 0)
    throw sdkError(
      'asset-incomplete',
      `Cannot go on with asset ${secrets.asset}: share ${moved} belongs to ${operators[moved]}, ${keepers[moved]?.operator} was named; name the same keepers, or begin without the saved state`,
    )
  return state
}

type Acknowledgements = ShareState['acknowledgements']

function with3(
  [first, second, third]: Acknowledgements,
  index: 0 | 1 | 2,
  given: ShareAcknowledgement,
): Acknowledgements {
  if (index === 0) return [given, second, third]
  return index === 1 ? [first, given, third] : [first, second, given]
}
