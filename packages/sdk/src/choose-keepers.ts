import { OperationError } from '@cloister/codec'
import { membersOf, isNodeTee, type Field, type NodeTee } from '@cloister/protocol'

import type { Client } from './client.ts'
import { askPeer, peerUrl } from './peer.ts'
import type { KeeperAddress } from './share-asset.ts'

const keepersCount = 3

/**
 * Three of the deployment's nodes to keep an asset's shares: of as many vendors' TEEs as there are, so that no one of them
 * broken gives the key away.
 *
 * Which TEE a node stands on is the node's own word here, and one that does not answer comes last. Sharing appraises each
 * of them: the claims of its evidence say what it is.
 */
export async function chooseKeepers(client: Client): Promise<readonly KeeperAddress[]> {
  const { nodes } = client.deployment
  const told = await Promise.all(
    nodes.map(async (node) => ({ node, tee: await teeOf(client, node.url) })),
  )
  const answering = told.filter(({ tee }) => tee !== undefined)
  const silent = told.filter(({ tee }) => tee === undefined)
  return ofDifferentTees([...answering, ...silent], keepersCount).map(({ node }) => node)
}

/** The first of each kind, then others, in the order in which they are given; `count` at most. */
export function ofDifferentTees<T extends { readonly tee: NodeTee | undefined }>(
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

const teeField: Field<NodeTee | undefined> = {
  parse: (value, path) => {
    const evidence = membersOf(value, path).get('evidence') ?? null
    const tee = membersOf(evidence, `${path}.evidence`).get('tee')
    return typeof tee === 'string' && isNodeTee(tee) ? tee : undefined
  },
  encode: (tee) => tee ?? null,
}

async function teeOf(client: Client, url: string): Promise<NodeTee | undefined> {
  try {
    return await askPeer(client.fetch, peerUrl(url, '/v1/admission'), teeField)
  } catch (error) {
    if (error instanceof OperationError) return undefined
    throw error
  }
}
