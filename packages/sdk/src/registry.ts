import {
  assetRegistryAbi,
  checkKeeperPolicy,
  messageDigest,
  sameHex,
  sharesHash,
  teeSet,
  zeroHash,
  type KeeperPolicy,
  type NodeTee,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { sharing, three, type AssetSecrets } from './asset.ts'
import { askChain, chainTime, revertOf, sendCall } from './chain.ts'
import { accountOf, type Client } from './client.ts'
import { runtimesOf } from './grants.ts'
import { listNodes } from './nodes.ts'
import { sdkError } from './sdk-error.ts'
import type { SignedKeeperPolicy } from './shares.ts'
import { signMessage } from './sign.ts'

/** What an asset registered with. */
export type Registration = {
  /** Undefined where it stood there before. */
  readonly transaction: Hex | undefined
  readonly asset: Hex
}

/** What an owner chooses about who keeps the shares. */
export type KeeperRule = {
  /** Accepted enclaves: a list, or what a release key approves. What the deployment lists, where nothing else is said. */
  readonly runtimes?: readonly Hex[] | { readonly releaseKey: Address }
  /** The kinds of TEE that may hold a share; those of the operators' certified nodes now, where nothing else is said. */
  readonly tees?: readonly NodeTee[]
  /** Worst TCB rank accepted; 0 (UpToDate) where nothing else is said. */
  readonly tcbFloor?: number
  readonly tierMin?: number
  /** Who keeps share 0, 1 and 2. */
  readonly operators: readonly Address[]
  /** Until when, Unix seconds; a year of chain time where nothing else is said. */
  readonly expiry?: bigint
}

const yearSeconds = 31_536_000n

/** Writes and signs the rule of who may keep an asset's shares. @throws {OperationError} `no-account`, `chain-down`. */
export async function signKeeperPolicy(
  client: Client,
  asset: Hex,
  rule: KeeperRule,
): Promise<SignedKeeperPolicy> {
  const policy: KeeperPolicy = {
    owner: accountOf(client, 'sign a keeper policy').address,
    asset,
    ...runtimesOf(client, rule.runtimes),
    tcbFloor: rule.tcbFloor ?? 0,
    tierMin: rule.tierMin ?? 0,
    operators: three(rule.operators),
    expiry: rule.expiry ?? (await chainTime(client.chain)) + yearSeconds,
    tees: rule.tees === undefined ? await teesNow(client, rule.operators) : teeSet(rule.tees),
  }
  const problems = checkKeeperPolicy(policy)
  if (problems.length > 0)
    throw sdkError(
      'keeper-refused',
      `Cannot sign the keeper policy: ${problems.map(({ field, detail }) => `${field}: ${detail}`).join('; ')}; name keepers whose nodes are certified, or what they run in`,
    )
  return { policy, signature: await signMessage(client, 'KeeperPolicy', policy) }
}

async function teesNow(client: Client, operators: readonly Address[]): Promise<number> {
  const nodes = await listNodes(client)
  return nodes
    .filter(({ record }) => operators.some((operator) => sameHex(operator, record.operator)))
    .reduce((set, { record }) => set | (1 << record.tee), 0)
}

/**
 * Registers a sealed asset: its root, the commitments to its shares, who keeps them, and the keeper policy's digest.
 * Doing it again for the same asset changes nothing and costs nothing.
 *
 * @throws {OperationError} `wrong-owner`, `asset-incomplete`, `no-account`, `chain-down`, `reverted`.
 */
export async function registerAsset(
  client: Client,
  secrets: Pick<AssetSecrets, 'asset' | 'owner' | 'root' | 'salt' | 'commitments'>,
  policy: KeeperPolicy,
  metadataHash: Hex = zeroHash,
): Promise<Registration> {
  const { asset } = secrets
  const { address: caller } = accountOf(client, 'register an asset')
  if (!sameHex(caller, secrets.owner) || !sameHex(policy.owner, secrets.owner))
    throw sdkError(
      'wrong-owner',
      `Cannot register asset ${asset}: it was sealed for ${secrets.owner}, the account is ${caller}; connect with the owner's account`,
    )
  const shares = {
    commitments: secrets.commitments,
    operators: three(policy.operators),
    threshold: sharing.threshold,
  }
  const policyDigest = messageDigest(client.domain, 'KeeperPolicy', policy)
  const present = await assetOnChain(client, asset)
  if (present !== undefined) {
    if (
      sameHex(present.sharesHash, sharesHash(shares)) &&
      sameHex(present.policyDigest, policyDigest)
    )
      return { transaction: undefined, asset }
    throw sdkError(
      'asset-incomplete',
      `Cannot register asset ${asset}: it is registered with other keepers, shares or another policy, and that can't be changed; seal it anew`,
    )
  }
  const receipt = await sendCall(client.chain, `register asset ${asset}`, {
    address: client.deployment.home.contracts.assetRegistry,
    abi: assetRegistryAbi,
    functionName: 'register',
    args: [secrets.root, secrets.salt, shares, policyDigest, metadataHash],
  })
  return { transaction: receipt.transactionHash, asset }
}

/** An asset as the chain has it; undefined where it has none. @throws {OperationError} `chain-down`. */
export async function assetOnChain(client: Client, asset: Hex) {
  try {
    return await askChain(client.chain, `read asset ${asset}`, (reader) =>
      reader.readContract({
        address: client.deployment.home.contracts.assetRegistry,
        abi: assetRegistryAbi,
        functionName: 'assetOf',
        args: [asset],
      }),
    )
  } catch (error) {
    if (revertOf(error)?.name === 'AssetUnknown') return undefined
    throw error
  }
}
