import { nodeRegistryAbi } from '@cloister/protocol'
import { zeroAddress, type Address } from 'viem'

import { askChain } from './chain.ts'
import type { Client } from './client.ts'

/** A node as the chain has it. */
export type NodeOnChain = Awaited<ReturnType<typeof readNode>>

/** Every node that was ever admitted and is certified now, with its record, weight and address. @throws {OperationError} `chain-down`. */
export async function listNodes(client: Client): Promise<readonly NodeOnChain[]> {
  const address = client.deployment.home.contracts.nodeRegistry
  const logs = await askChain(client.chain, 'list nodes', (reader) =>
    reader.getContractEvents({
      address,
      abi: nodeRegistryAbi,
      eventName: 'NodeAdmitted',
      fromBlock: 0n,
      strict: true,
    }),
  )
  const keys = [...new Set(logs.map((log) => log.args.receiptKey))]
  const nodes = await Promise.all(keys.map((key) => readNode(client, key)))
  return nodes.filter((node) => node.certified)
}

/** One node by its receipt key; its record is empty where there is none. */
export async function readNode(client: Client, receiptKey: Address, blockNumber?: bigint) {
  const call = {
    address: client.deployment.home.contracts.nodeRegistry,
    abi: nodeRegistryAbi,
    ...(blockNumber === undefined ? {} : { blockNumber }),
  } as const
  return askChain(client.chain, `read node ${receiptKey}`, async (reader) => {
    const [record, certified, url] = await Promise.all([
      reader.readContract({ ...call, functionName: 'recordOf', args: [receiptKey] }),
      reader.readContract({ ...call, functionName: 'certified', args: [receiptKey] }),
      reader.readContract({ ...call, functionName: 'urlOf', args: [receiptKey] }),
    ])
    const weightWei =
      record.operator === zeroAddress || record.retired
        ? 0n
        : await reader.readContract({
            ...call,
            functionName: 'weightOf',
            args: [BigInt(record.leaf)],
          })
    return { receiptKey, record, certified, url, weightWei }
  })
}

/** Where objects are stored and asked for: the deployment's nodes, then its verifiers. */
export function knownStores(client: Client): readonly string[] {
  const { nodes, verifiers } = client.deployment
  return [...new Set([...nodes, ...verifiers].map((peer) => peer.url))]
}
