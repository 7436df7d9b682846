import { sameHex } from '@cloister/protocol'

import type { Client } from './client.ts'
import { listNodes } from './nodes.ts'
import type { KeeperAddress } from './share-asset.ts'

const keepersCount = 3

/**
 * Three of the deployment's nodes to keep an asset's shares: of as many vendors' TEEs as there are, so that no one of them
 * broken gives the key away. Which TEE a node stands on the committee signed when it was admitted; nodes that are not
 * certified now come last. Each is appraised before anything is sent to it.
 *
 * @throws {OperationError} `chain-down`.
 */
export async function chooseKeepers(client: Client): Promise<readonly KeeperAddress[]> {
  const certified = await listNodes(client)
  const nodes = client.deployment.nodes.map((node) => {
    const admitted = certified.find(({ record }) => sameHex(record.operator, node.operator))
    return { node, tee: admitted?.record.tee }
  })
  const live = nodes.filter(({ tee }) => tee !== undefined)
  const others = nodes.filter(({ tee }) => tee === undefined)
  return ofDifferentTees([...live, ...others], keepersCount).map(({ node }) => node)
}

/** The first of each kind, by number, then others, in the order in which they are given; `count` at most. */
export function ofDifferentTees<T extends { readonly tee: number | undefined }>(
  nodes: readonly T[],
  count: number,
): readonly T[] {
  const firsts = nodes.filter(
    ({ tee }, place) =>
      tee !== undefined && nodes.findIndex((other) => other.tee === tee) === place,
  )
  const others = nodes.filter((node) => !firsts.includes(node))
  return [...firsts, ...others].slice(0, count)
}
