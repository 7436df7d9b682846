import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { OperationError, parseHex } from '@cloister/codec'
import type { Chain } from '@cloister/io'
import { fetchObject, type Client } from '@cloister/sdk'
import { isHex } from 'viem'

import { needlesOf, type Canary } from '../leaks/canary.ts'
import { scanBytes, scanFolder, type Leak } from '../leaks/scan.ts'
import type { Devnet } from '../up.ts'

/** What is searched and is no file: taken from the chains while they still run. */
export type ChainData = readonly { readonly name: string; readonly bytes: Buffer }[]

/** Every transaction's input and every event of both chains, as bytes. */
export function readChainData({ home, spoke }: Devnet): Promise<ChainData> {
  return Promise.all(
    [
      { name: 'the home chain', chain: home },
      { name: 'the spoke', chain: spoke },
    ].map(async ({ name, chain }) => ({ name, bytes: await allData(chain) })),
  )
}

/** The sealed objects that their owners opened, by digest: what the search takes out before it looks. */
export function fetchOpened(
  client: Client,
  opened: ReadonlySet<string>,
  stores: readonly string[],
): Promise<readonly Buffer[]> {
  return Promise.all(
    [...opened].map(async (digest) =>
      Buffer.from(await fetchObject(client, `0x${digest}`, stores)),
    ),
  )
}

/**
 * Searches all that the network wrote, all that stands on its chains, and every owner's folder for what belongs to another
 * owner. Call it when everything was stopped.
 *
 * @throws {OperationError} `search-blind` where a canary is not even found in its owner's folder: then the search shows nothing.
 */
export function searchLeaks(
  { folders, nodes }: Pick<Devnet, 'folders' | 'nodes'>,
  given: {
    readonly canaries: readonly Canary[]
    readonly chains: ChainData
    readonly opened: ReadonlySet<string>
    readonly openedObjects: readonly Buffer[]
  },
): { readonly leaks: readonly Leak[]; readonly filesSearched: number } {
  const { canaries, chains, opened, openedObjects } = given
  const needles = needlesOf(canaries)
  const owners = join(folders.root, 'owners')
  const knownDigests = new Set([...nodes.flatMap(({ image }) => [...image.digests]), ...opened])
  const options = { knownDigests, erase: openedObjects }
  const network = scanFolder(folders.root, needles, { ...options, except: [owners] })
  const neighbours = readdirSync(owners).map((owner) => {
    const folder = join(owners, owner)
    requireSight(
      canaries.filter((canary) => canary.owner === owner),
      folder,
    )
    const foreign = needlesOf(canaries.filter((canary) => canary.owner !== owner))
    return scanFolder(folder, foreign, { ...options, except: [] })
  })
  requireOwners(canaries, readdirSync(owners))
  const onChain = chains.flatMap(({ name, bytes }) => scanBytes(bytes, needles, name))
  const scanned = [network, ...neighbours]
  return {
    leaks: [...scanned.flatMap(({ leaks }) => leaks), ...onChain],
    filesSearched: scanned.reduce((sum, { filesSearched }) => sum + filesSearched, 0),
  }
}

function requireSight(own: readonly Canary[], folder: string): void {
  const { leaks } = scanFolder(folder, needlesOf(own), { except: [], knownDigests: new Set() })
  const unseen = own.find(({ name }) => leaks.every(({ canary }) => canary !== name))
  if (unseen !== undefined) throw blind(unseen)
}

function requireOwners(canaries: readonly Canary[], owners: readonly string[]): void {
  const ownerless = canaries.find(({ owner }) => !owners.includes(owner))
  if (ownerless !== undefined) throw blind(ownerless)
}

function blind({ name }: Canary): OperationError {
  return new OperationError(
    'search-blind',
    `Cannot rely on the search: it does not even find ${name} in its owner's folder`,
  )
}

/** What the network has written so far, the measured runtime aside. */
export function readNetworkFiles({ folders }: Pick<Devnet, 'folders'>): Buffer {
  return Buffer.concat(filesBelow(folders.root, [folders.build, folders.cache, 'tee']))
}

function filesBelow(folder: string, except: readonly string[]): readonly Buffer[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (except.includes(path) || except.includes(entry.name)) return []
    if (entry.isDirectory()) return filesBelow(path, except)
    return entry.isFile() && lstatSync(path).size > 0 ? [readFileSync(path)] : []
  })
}

async function allData(chain: Chain): Promise<Buffer> {
  const { number } = await chain.block('latest')
  const parts: Uint8Array[] = []
  const heights = Array.from({ length: Number(number) + 1 }, (_, height) => BigInt(height))
  const blocks = await Promise.all(
    heights.map((blockNumber) =>
      chain.ask('read a block', (client) =>
        client.getBlock({ blockNumber, includeTransactions: true }),
      ),
    ),
  )
  for (const { transactions } of blocks)
    for (const { input } of transactions) parts.push(bytesOf(input))
  for (const log of await chain.ask('read all events', (client) =>
    client.getLogs({ fromBlock: 0n, toBlock: number }),
  ))
    parts.push(bytesOf(log.data), ...log.topics.map(bytesOf))
  return Buffer.concat(parts)
}

function bytesOf(hex: string): Uint8Array {
  return isHex(hex) ? parseHex(hex) : new Uint8Array()
}
