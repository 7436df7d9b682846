import { equalBytes, OperationError, type Bytes } from '@cloister/codec'
import { outputFormatsOf } from '@cloister/protocol'
import {
  checkManifest,
  fetchSealed,
  openAsset,
  chooseKeepers,
  shareAsset,
  signGrant,
  type App,
  type Client,
  type PrivacyBudget,
  type SharedAsset,
  type SignedGrant,
} from '@cloister/sdk'
import type { Address, Hex } from 'viem'

import type { Actor } from './actor.ts'

/** What an owner seals, and how they note down what they must not lose. */
export type OwnAsset = {
  /** Names the file with the saved state in the owner's folder. */
  readonly name: string
  readonly plaintext: Bytes
  readonly metadataHash?: Hex
}

/**
 * Seals something, hands a share to each of three nodes of different vendors, and stores the ciphertext. Then fetches it back and opens it: what lies
 * in the stores is what the owner meant.
 */
export async function shareOwn(
  { client, write }: Actor<unknown>,
  { name, plaintext, metadataHash }: OwnAsset,
): Promise<SharedAsset> {
  const stores = client.deployment.nodes.map(({ url }) => url)
  const shared = await shareAsset(client, {
    plaintext,
    keepers: await chooseKeepers(client),
    stores,
    save: (state) => write(`${name}.state.json`, state),
    ...(metadataHash === undefined ? {} : { metadataHash }),
  })
  const sealed = await fetchSealed(client, shared.root, stores)
  if (!equalBytes(await openAsset(shared, sealed), plaintext))
    throw new OperationError('asset-altered', `Cannot use asset ${name}: it opens to other bytes`)
  return shared
}

/** Lets `requester` alone use an asset, once, in one app, for a price. */
export async function grantOnce(
  client: Client,
  asset: Hex,
  terms: {
    readonly app: App
    readonly requester: Address
    readonly purpose: string
    readonly priceWei: bigint
    readonly usesMax: number
    readonly privacy?: PrivacyBudget
  },
): Promise<SignedGrant> {
  const { app, requester, purpose, priceWei, usesMax, privacy = 'none' } = terms
  return signGrant(client, {
    assets: [asset],
    apps: [app.id],
    tees: ['tdx', 'sev-snp', 'aws-nitro'],
    operators: 'any',
    requesters: [requester],
    purpose,
    priceWei,
    usesMax,
    expiry: BigInt(client.clock() + daySeconds),
    outputBytesMax: app.outputBytesMax,
    outputFormats: outputFormatsOf(app.facts.outputFormats),
    privacy,
  })
}

const daySeconds = 86_400

/** An app of the deployment, by its name. @throws {OperationError} `app-missing`. */
export function appNamed(client: Client, name: string): App {
  const found = client.deployment.apps.find((app) => app.name === name)
  if (found === undefined)
    throw new OperationError('app-missing', `Cannot use the app ${name}: the deployment lists none`)
  return checkManifest(found.manifest)
}
