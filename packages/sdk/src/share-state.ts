import { canonicalJson, encodeHex, parseHex } from '@cloister/codec'
import {
  addressField,
  bytes32Field,
  hexBetween,
  hexField,
  limits,
  listField,
  messageField,
  objectField,
  oneOf,
  orNull,
  parseField,
  sameHex,
  signatureField,
  textField,
} from '@cloister/protocol'
import { shareBytes, shareX } from '@cloister/seal'
import type { Hex } from 'viem'

import { three, withCommitments, type AssetSecrets } from './asset.ts'
import type { Client } from './client.ts'
import { sdkError } from './sdk-error.ts'
import { SecretBytes } from './secret-bytes.ts'
import type { ShareAcknowledgement, SignedKeeperPolicy } from './shares.ts'

/** How far an asset has come. It holds the data key. */
export type ShareState = {
  readonly secrets: AssetSecrets
  readonly keeperPolicy: SignedKeeperPolicy
  readonly stores: readonly string[]
  readonly acknowledgements: readonly [
    ShareAcknowledgement | undefined,
    ShareAcknowledgement | undefined,
    ShareAcknowledgement | undefined,
  ]
}

const acknowledgement = objectField({ ack: messageField('ShareAck'), signature: signatureField })

const stateField = objectField({
  format: oneOf('cloister-owner-state/1'),
  deployment: bytes32Field,
  owner: addressField,
  root: bytes32Field,
  salt: bytes32Field,
  secretDataKey: hexField(32),
  secretShares: listField(hexField(shareBytes), 3, 3),
  policy: messageField('KeeperPolicy'),
  policySignature: hexBetween(65, 4096),
  stores: listField(textField(500, 1), 64),
  acknowledgements: listField(orNull(acknowledgement), 3, 3),
})

/** The state as the text that its owner persists: the one place where the data key is written out. */
export function encodeShareState(client: Pick<Client, 'id'>, state: ShareState): string {
  const { secrets, keeperPolicy } = state
  return canonicalJson(
    stateField.encode({
      format: 'cloister-owner-state/1',
      deployment: client.id,
      owner: secrets.owner,
      root: secrets.root,
      salt: secrets.salt,
      secretDataKey: `0x${encodeHex(secrets.dataKey.reveal())}`,
      secretShares: secrets.shares.map((share): Hex => `0x${encodeHex(share.reveal())}`),
      policy: keeperPolicy.policy,
      policySignature: keeperPolicy.signature,
      stores: state.stores,
      acknowledgements: state.acknowledgements,
    }),
  )
}

/**
 * Reads what {@link encodeShareState} wrote.
 *
 * @throws {MalformedError} naming the field. @throws {OperationError} `asset-incomplete`, for another deployment's.
 */
export async function parseShareState(
  client: Pick<Client, 'id'>,
  text: string,
): Promise<ShareState> {
  const caps = { charactersMax: limits.bodyBytesMax, depthMax: limits.jsonDepthMax }
  const read = parseField(stateField, text, 'owner state', caps)
  if (!sameHex(read.deployment, client.id))
    throw sdkError(
      'asset-incomplete',
      `Cannot use the saved state: it belongs to deployment ${read.deployment}, this is ${client.id}; connect to that one, or begin without it`,
    )
  const shares = three(read.secretShares.map((share) => parseShare(share)))
  const secrets = await withCommitments(client, {
    owner: read.owner,
    root: read.root,
    salt: read.salt,
    dataKey: new SecretBytes('data key', parseHex(read.secretDataKey, 'owner state data key')),
    shares,
  })
  const [first, second, third] = read.acknowledgements
  return {
    secrets,
    keeperPolicy: { policy: read.policy, signature: read.policySignature },
    stores: read.stores,
    acknowledgements: [first, second, third],
  }
}

function parseShare(hex: Hex): SecretBytes {
  const share = parseHex(hex, 'owner state share')
  shareX(share)
  return new SecretBytes('key share', share)
}
