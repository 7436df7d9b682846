import {
  assetRegistryAbi,
  grantBookAbi,
  releaseKeysAbi,
  releaseKeysOf,
  sameHex,
  signerOf,
  type GrantFacts,
  type GrantUse,
} from '@cloister/protocol'
import { zeroAddress, type Address, type Hex } from 'viem'

import { askChain } from './chain.ts'
import type { Client } from './client.ts'
import type { SignedGrant } from './grants.ts'
import type { NodeOnChain } from './nodes.ts'

/** What the chain says about a grant and one of its assets, and what was used of it. */
export type GrantStanding = GrantFacts & { readonly asset: Hex; readonly used: GrantUse }

/** Until when a release key approves a measurement; zero where it does not. */
export type Approvals = (releaseKey: Address, measurement: Hex) => bigint

/**
 * Reads what the chain says about a grant, for one of its assets: its first, where none is named.
 *
 * @throws {OperationError} `chain-down`.
 */
export async function grantFacts(
  client: Client,
  { grant, digest, signature }: SignedGrant,
  named?: Hex,
): Promise<GrantStanding> {
  const { assetRegistry } = client.deployment.home.contracts
  const assets = { address: assetRegistry, abi: assetRegistryAbi } as const
  const asset = named ?? grant.assets[0] ?? digest
  const used = await grantUse(client, digest)
  return askChain(
    client.chain,
    `read what the chain says about grant ${digest}`,
    async (reader) => {
      const [assetOwner, revoked] = await Promise.all([
        reader.readContract({ ...assets, functionName: 'ownerOf', args: [asset] }),
        reader.readContract({
          ...assets,
          functionName: 'isRevoked',
          args: [grant.owner, digest, grant.nonce],
        }),
      ])
      // A contract's account says itself what it signed (ERC-1271); a key's signature is recovered here.
      const signatureValid =
        sameHex(grant.owner, await signerOf(digest, signature)) ||
        ((await reader.getCode({ address: grant.owner })) !== undefined &&
          (await reader.verifyHash({ address: grant.owner, hash: digest, signature })))
      return { asset, assetOwner, signatureValid, revoked, used }
    },
  )
}

/** What was used of a grant so far: tasks, tasks of this UTC day, and privacy. @throws {OperationError} `chain-down`. */
export async function grantUse(client: Client, digest: Hex): Promise<GrantUse> {
  const book = {
    address: client.deployment.home.contracts.grantBook,
    abi: grantBookAbi,
    args: [digest],
  } as const
  return askChain(client.chain, `read what was used of grant ${digest}`, async (reader) => {
    const [tasks, tasksToday, epsilonMicros, deltaPicos] = await Promise.all([
      reader.readContract({ ...book, functionName: 'usesOf' }),
      reader.readContract({ ...book, functionName: 'usesToday' }),
      reader.readContract({ ...book, functionName: 'epsilonSpentOf' }),
      reader.readContract({ ...book, functionName: 'deltaSpentOf' }),
    ])
    return { tasks, tasksToday, epsilonMicros, deltaPicos }
  })
}

/** Reads which runtimes of these nodes the grants' release keys approve. @throws {OperationError} `chain-down`. */
export async function approvalsFor(
  client: Client,
  grants: readonly SignedGrant[],
  nodes: readonly Pick<NodeOnChain, 'record'>[],
): Promise<Approvals> {
  const keys = releaseKeysOf(grants.map(({ grant }) => grant))
  const measurements = [...new Set(nodes.map(({ record }) => record.measurement))]
  const found = new Map<string, bigint>()
  for (const key of keys)
    for (const measurement of measurements)
      found.set(placeOf(key, measurement), await approvedUntil(client, key, measurement))
  return (key, measurement) => found.get(placeOf(key, measurement)) ?? 0n
}

/** Until when a release key approves a measurement, Unix seconds; zero where it does not. @throws {OperationError} `chain-down`. */
export function approvedUntil(
  client: Client,
  releaseKey: Address,
  measurement: Hex,
  blockNumber?: bigint,
): Promise<bigint> {
  if (sameHex(releaseKey, zeroAddress)) return Promise.resolve(0n)
  return askChain(client.chain, `read what release key ${releaseKey} approves`, (reader) =>
    reader.readContract({
      address: client.deployment.home.contracts.releaseKeys,
      abi: releaseKeysAbi,
      functionName: 'approvedUntil',
      args: [releaseKey, measurement],
      ...(blockNumber === undefined ? {} : { blockNumber }),
    }),
  )
}

function placeOf(key: Address, measurement: Hex): string {
  return `${key} ${measurement}`.toLowerCase()
}
