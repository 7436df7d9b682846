import { concatBytes, encodeHex, encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import {
  messageDigest,
  messageField,
  messageToJson,
  objectField,
  sameHex,
  signatureField,
  signerOf,
  type KeeperPolicy,
  type Message,
} from '@cloister/protocol'
import { sealEnvelope, shareX } from '@cloister/seal'
import type { Hex } from 'viem'

import type { AssetSecrets } from './asset.ts'
import type { Client } from './client.ts'
import { isAppraisedKeeper, type AppraisedKeeper } from './keeper.ts'
import { askPeer, peerUrl } from './peer.ts'
import { sdkError } from './sdk-error.ts'

/** A keeper's signed word that its enclave holds a share. */
export type ShareAcknowledgement = { readonly ack: Message<'ShareAck'>; readonly signature: Hex }

/** The owner's signed rule of who may keep an asset's shares. */
export type SignedKeeperPolicy = { readonly policy: KeeperPolicy; readonly signature: Hex }

/** What of an asset's secrets a deposit needs. */
export type Deposit = Pick<AssetSecrets, 'asset' | 'shares' | 'commitments'>

/**
 * Seals share `index` of an asset to a keeper that was appraised for it, and that the owner's rule names for this share:
 * no keeper gets two. The result may be carried by anybody.
 *
 * @throws {OperationError} `keeper-refused` for anything that {@link appraiseKeeper} did not make for this asset, and for another operator's keeper.
 */
export async function sealShare(
  client: Client,
  keeper: AppraisedKeeper,
  { asset, shares }: Pick<AssetSecrets, 'asset' | 'shares'>,
  index: 0 | 1 | 2,
  policy: Pick<KeeperPolicy, 'asset' | 'operators'>,
): Promise<Bytes> {
  const { appraisal } = keeper
  if (!isAppraisedKeeper(keeper) || !sameHex(keeper.asset, asset))
    throw sdkError(
      'keeper-refused',
      `Cannot seal a share of asset ${asset}: this keeper was not appraised for it; call appraiseKeeper first`,
    )
  if (appraisal.authentic === false || appraisal.until <= client.clock())
    throw sdkError(
      'keeper-refused',
      `Cannot seal a share to the keeper at ${keeper.url}: its appraisal has expired; call appraiseKeeper again`,
    )
  const place = policy.operators.findIndex((operator) => sameHex(operator, keeper.operator))
  const distinct = new Set(policy.operators.map((operator) => operator.toLowerCase())).size
  if (!sameHex(policy.asset, asset) || place !== index || distinct !== shares.length)
    throw sdkError(
      'keeper-refused',
      `Cannot seal share ${index} of asset ${asset} to operator ${keeper.operator}: the keeper policy names ${policy.operators[index] ?? 'nobody'} for it, three operators, each for one share; use the keeper of that operator`,
    )
  const xs = Uint8Array.from(shares.map((share) => shareX(share.reveal())))
  const aad = concatBytes(
    parseHex(client.id, 'deployment'),
    parseHex(asset, 'asset'),
    Uint8Array.of(index),
    parseHex(keeper.receiptKey, 'receipt key'),
  )
  const plaintext = concatBytes(shares[index].reveal(), xs)
  return sealEnvelope(keeper.sharePublicKey, encodeUtf8('cloister/share/1'), aad, plaintext)
}

const answerField = objectField({ ack: messageField('ShareAck'), signature: signatureField })

/**
 * Seals one share to its keeper, hands it over, and checks the enclave's signed acknowledgement.
 *
 * @throws {OperationError} `keeper-refused`, `peer-unreachable`, `peer-refused`, `peer-malformed`.
 */
export async function depositShare(
  client: Client,
  keeper: AppraisedKeeper,
  deposit: Deposit,
  index: 0 | 1 | 2,
  { policy, signature: policySignature }: SignedKeeperPolicy,
): Promise<ShareAcknowledgement> {
  const envelope = await sealShare(client, keeper, deposit, index, policy)
  const { asset } = deposit
  const commitment = deposit.commitments[index]
  const answer = await askPeer(client.fetch, peerUrl(keeper.url, '/v1/shares'), answerField, {
    asset,
    shareIndex: index,
    commitment,
    envelope: `0x${encodeHex(envelope)}`,
    policy: messageToJson('KeeperPolicy', policy),
    policySignature,
  })
  const expected = { asset, shareIndex: index, commitment, receiptKey: keeper.receiptKey }
  const digest = messageDigest(client.domain, 'ShareAck', expected)
  const signer = await signerOf(digest, answer.signature)
  const same = sameHex(messageDigest(client.domain, 'ShareAck', answer.ack), digest)
  if (!same || !sameHex(keeper.receiptKey, signer))
    throw sdkError(
      'keeper-refused',
      `Cannot rely on the keeper at ${keeper.url}: its acknowledgement of share ${index} ${same ? `is signed by ${signer ?? 'nobody'}, expected ${keeper.receiptKey}` : 'is for something else'}; deposit again or choose another keeper`,
    )
  return answer
}
