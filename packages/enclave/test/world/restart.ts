import type { Bytes } from '@cloister/codec'

import { admit, startOn, type Network, type TestNode } from './network.ts'
import { object } from './requests.ts'

/** Ends a node's enclave and starts another on its machine, which its host shows this sealed state. It is admitted anew. */
export async function restart(
  network: Network,
  node: TestNode,
  assets: readonly { readonly asset: string }[],
  shownSealed?: Bytes,
): Promise<void> {
  await node.enclave.close()
  const { host, enclave, socketPath } = await startOn(network, node.guestSocket, shownSealed)
  Object.assign(node, { host, enclave, socketPath })
  await admit(network, node)
  await network.chain.client.mine({ blocks: 3 })
  for (const { asset } of assets)
    object(network.world.keepers.get(asset)!)['nodes'] = network.nodes.map((each) => ({
      operator: each.operator.address.toLowerCase(),
      receiptKey: each.host.hello['receiptKey']!,
      sharePublicKey: each.host.hello['sharePublicKey']!,
    }))
}
