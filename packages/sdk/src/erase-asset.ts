import {
  addressField,
  assetRegistryAbi,
  booleanField,
  bytes32Field,
  decimalField,
  erasureAckDigest,
  erasureTypedData,
  integerField,
  objectField,
  sameHex,
  signatureField,
  signerOf,
  type ErasureAck,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { sharing } from './asset.ts'
import { askChain } from './chain.ts'
import { accountOf, type Client } from './client.ts'
import { listNodes, readNode, type NodeOnChain } from './nodes.ts'
import { askPeer, peerUrl } from './peer.ts'
import { assetOnChain } from './registry.ts'
import { sayError, sdkError } from './sdk-error.ts'

/** What one keeper did about an erasure. */
export type KeeperErasure = {
  readonly operator: Address
  readonly shareIndex: number
} & (
  | {
      readonly state: 'erased'
      readonly url: string
      readonly ack: ErasureAck
      /** By the keeper's receipt key: proof for whoever asks. */
      readonly signature: Hex
    }
  | { readonly state: 'unanswered'; readonly reason: string }
)

/** What became of an erasure. */
export type Erasure = {
  readonly asset: Hex
  readonly keepers: readonly KeeperErasure[]
  /** So many keepers have no share any more that the others cannot give the key together. */
  readonly unreadable: boolean
}

const answerField = objectField({
  ack: objectField({
    asset: bytes32Field,
    shareIndex: integerField(0, 2),
    receiptKey: addressField,
    held: booleanField,
    time: decimalField(64),
  }),
  signature: signatureField,
})

/**
 * Has every keeper destroy its share of an asset of the caller's, and checks their signed acknowledgements. Do it again for those that did
 * not answer. What was released before, and what was computed from it, is out of its reach.
 *
 * @throws {OperationError} `wrong-owner`, `asset-incomplete` where the asset is not registered, `no-account`, `chain-down`.
 */
export async function eraseAsset(client: Client, asset: Hex): Promise<Erasure> {
  const owner = accountOf(client, 'erase an asset').address
  const known = await assetOnChain(client, asset)
  if (known === undefined)
    throw sdkError(
      'asset-incomplete',
      `Cannot erase asset ${asset}: it is not registered, so no keeper has a share; delete its key file`,
    )
  if (!sameHex(known.owner, owner))
    throw sdkError(
      'wrong-owner',
      `Cannot erase asset ${asset}: it is ${known.owner}'s, the account is ${owner}; connect with the owner's account`,
    )
  const operators = await operatorsOf(client, asset)
  const nodes = await listNodes(client)
  const signature = await sign(client, { owner, asset })
  const keepers = await Promise.all(
    operators.map((operator, shareIndex) =>
      eraseAt(client, { operator, shareIndex, nodes, owner, asset, signature }),
    ),
  )
  const erased = keepers.filter(({ state }) => state === 'erased').length
  return { asset, keepers, unreadable: sharing.shares - erased < sharing.threshold }
}

type Wanted = {
  readonly operator: Address
  readonly shareIndex: number
  readonly nodes: readonly NodeOnChain[]
  readonly owner: Address
  readonly asset: Hex
  readonly signature: Hex
}

// An operator may have several nodes, and restarted ones: each is asked, and all that are certified have to answer.
async function eraseAt(client: Client, wanted: Wanted): Promise<KeeperErasure> {
  const { operator, shareIndex, nodes, owner, asset, signature } = wanted
  const own = nodes.filter((node) => sameHex(node.record.operator, operator))
  const listed = client.deployment.nodes.filter((node) => sameHex(node.operator, operator))
  const urls = [...new Set([...own, ...listed].map(({ url }) => url))].filter((url) => url !== '')
  const failures: string[] = []
  let answered: KeeperErasure | undefined
  for (const url of urls) {
    client.onProgress({ step: 'erase', detail: `share ${shareIndex} at ${url}` })
    try {
      const body = { owner: owner.toLowerCase(), asset, signature }
      const answer = await askPeer(
        client.fetch,
        peerUrl(url, '/v1/shares/erase'),
        answerField,
        body,
      )
      const wrong = await problemOf(client, wanted, answer)
      if (wrong === undefined) answered = { operator, shareIndex, state: 'erased', url, ...answer }
      else failures.push(`${url}: ${wrong}`)
    } catch (error) {
      failures.push(sayError(error))
    }
  }
  if (answered !== undefined && failures.length === 0) return answered
  const reason = failures.join('; ') || 'the operator has no certified node'
  return { operator, shareIndex, state: 'unanswered', reason }
}

async function problemOf(
  client: Client,
  { asset, shareIndex, operator }: Wanted,
  { ack, signature }: { readonly ack: ErasureAck; readonly signature: Hex },
): Promise<string | undefined> {
  if (!sameHex(ack.asset, asset) || ack.shareIndex !== shareIndex)
    return 'its acknowledgement is for something else'
  const signer = await signerOf(erasureAckDigest(client.domain, ack), signature)
  if (!sameHex(ack.receiptKey, signer)) return 'its acknowledgement is not signed by its key'
  const { record } = await readNode(client, ack.receiptKey)
  return sameHex(record.operator, operator)
    ? undefined
    : `its acknowledgement is by a node of ${record.operator}, not of ${operator}`
}

async function operatorsOf(client: Client, asset: Hex): Promise<readonly Address[]> {
  const logs = await askChain(client.chain, `read the keepers of asset ${asset}`, (reader) =>
    reader.getContractEvents({
      address: client.deployment.home.contracts.assetRegistry,
      abi: assetRegistryAbi,
      eventName: 'AssetRegistered',
      args: { asset },
      fromBlock: 0n,
      strict: true,
    }),
  )
  return logs[0]?.args.operators ?? []
}

async function sign(
  client: Client,
  message: { readonly owner: Address; readonly asset: Hex },
): Promise<Hex> {
  const { wallet } = client.chain
  const account = wallet?.account
  if (wallet === undefined || account === undefined)
    throw sdkError('no-account', 'Cannot sign an erasure: give connect() an account')
  try {
    return await wallet.signTypedData({ account, ...erasureTypedData(client.domain, message) })
  } catch (cause) {
    throw sdkError(
      'no-account',
      `Cannot sign an erasure: ${sayError(cause)}; allow it in the wallet, or use another account`,
      { cause },
    )
  }
}
