import { nodeRegistryAbi, type PoolEntry } from '@cloister/protocol'
import { zeroAddress, zeroHash, type Address, type Hex } from 'viem'

import { askChain } from './chain.ts'
import type { Client } from './client.ts'
import { readNode } from './nodes.ts'

/** The pool of one draw, and the measurements in it that governance approved then. */
export type Pool = { readonly pool: readonly PoolEntry[]; readonly approved: readonly Hex[] }

/**
 * The pool as it stood after block `snapshot`, each node with its record after block `read`: weights come from
 * the registry's events, not from its answer about the draw.
 *
 * @throws {OperationError} `chain-down`.
 */
export async function poolAt(client: Client, snapshot: bigint, read: bigint): Promise<Pool> {
  const address = client.deployment.home.contracts.nodeRegistry
  const logs = await askChain(client.chain, 'read the weights of the pool', (reader) =>
    reader.getContractEvents({
      address,
      abi: nodeRegistryAbi,
      eventName: 'MachineWeighed',
      fromBlock: 0n,
      toBlock: snapshot,
      strict: true,
    }),
  )
  const weights = new Map<bigint, bigint>()
  for (const { args } of logs) weights.set(args.leaf, args.weightWei)
  const leaves = [...weights]
    .filter(([, weight]) => weight > 0n)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  const pool: PoolEntry[] = []
  const approved: Hex[] = []
  let start = 0n
  for (const [, weight] of leaves) {
    const node = await nodeAt(client, snapshot, start, read)
    start += weight
    const found = node === zeroAddress ? undefined : await readNode(client, node, read)
    if (found === undefined) {
      pool.push({ ...nobody, weight })
      continue
    }
    if (found.certified) approved.push(found.record.measurement)
    // A machine without weight at the draw is passed by, whatever it weighed before.
    pool.push({
      ...found.record,
      node,
      weight,
      replaced: found.weightWei === 0n && !found.record.retired,
    })
  }
  return { pool, approved }
}

const nobody = {
  node: zeroAddress,
  operator: zeroAddress,
  measurement: zeroHash,
  replaced: true,
  retired: false,
  expiry: 0n,
  paused: false,
  running: 0,
  capacity: 0,
  tier: 0,
  tcb: 0,
  tee: 0,
  tags: 0,
}

function nodeAt(client: Client, snapshot: bigint, point: bigint, read: bigint): Promise<Address> {
  return askChain(client.chain, 'read the pool', (reader) =>
    reader.readContract({
      address: client.deployment.home.contracts.nodeRegistry,
      abi: nodeRegistryAbi,
      functionName: 'candidateAt',
      args: [Number(snapshot), point],
      blockNumber: read,
    }),
  )
}
