import type { Collateral } from '@cloister/attest'
import {
  canonicalJson,
  encodeUtf8,
  equalBytes,
  MalformedError,
  parseUtf8,
  type Bytes,
} from '@cloister/codec'

import {
  addressField,
  bytes32Field,
  hexBetween,
  hexField,
  integerField,
  listField,
  objectField,
  oneOf,
  parseField,
  signatureField,
  type Field,
  type FieldValue,
} from './fields.ts'
import { limits } from './limits.ts'
import { messageField } from './message-json.ts'
import { withDevices } from './node-devices.ts'
import { nodeEvidenceField, shownEvidenceField } from './node-evidence.ts'

/** Bytes of an MLKEM768-X25519 public key. */
export const publicKeyBytes = 1216

const proofNodes = listField(hexBetween(1, limits.proofNodeBytesMax), limits.proofNodesMax)

const accountProof = objectField({
  depth: integerField(0, limits.headersMax - 1),
  address: addressField,
  accountProof: proofNodes,
  storageProofs: listField(
    objectField({ slot: bytes32Field, proof: proofNodes }),
    limits.proofSlotsMax,
  ),
})

const chainProofs = objectField({
  headers: listField(hexBetween(1, limits.headerBytesMax), limits.headersMax, 1),
  accounts: listField(accountProof, limits.proofAccountsMax),
})

const signedRelease = objectField({
  release: messageField('Release'),
  signature: signatureField,
  countersignature: signatureField,
  countersigner: addressField,
})

const bundleWith = (collateral: Field<Collateral>) =>
  objectField({
    format: oneOf('cloister-bundle/2'),
    deployment: bytes32Field,
    order: messageField('Order'),
    grants: listField(messageField('Grant'), limits.listMax, 1),
    grantSignatures: listField(hexBetween(65, 4096), limits.listMax, 1),
    binding: messageField('AttemptBinding'),
    freshPublicKey: hexField(publicKeyBytes),
    evidence: nodeEvidenceField,
    collateral,
    checkpoint: messageField('Checkpoint'),
    checkpointSignatures: listField(signatureField, limits.committeeMembersMax),
    proofs: chainProofs,
    releases: listField(signedRelease, limits.releasesMax),
  })

// A bundle without devices has the bytes that it had before there were any.
const bundle = withDevices(shownEvidenceField(bundleWith))

/** Trie nodes that prove one account and some of its storage, `depth` blocks under the checkpoint's head. */
export type AccountProof = FieldValue<typeof accountProof>

/** Block headers from a checkpoint's head down, and what is proven under their state roots. */
export type ChainProofs = FieldValue<typeof chainProofs>

/** A release record with the keeper's signature and another keeper's countersignature. */
export type SignedRelease = FieldValue<typeof signedRelease>

/** Everything that shows one attempt to be what its receipt says. Spec: docs/protocol.md section 9. */
export type Bundle = FieldValue<typeof bundle>

/** How {@link ChainProofs} stand in JSON. */
export const chainProofsField: Field<ChainProofs> = chainProofs

/** How an {@link AccountProof} stands in JSON. */
export const accountProofField: Field<AccountProof> = accountProof

/** How a {@link SignedRelease} stands in JSON. */
export const signedReleaseField: Field<SignedRelease> = signedRelease

/** How a {@link Bundle} stands in JSON. */
export const bundleField: Field<Bundle> = bundle

/** A bundle's bytes: canonical JSON. Their SHA-256 is its digest. @throws {MalformedError} past 4 MiB. */
export function encodeBundle(value: Bundle): Bytes {
  const bytes = encodeUtf8(canonicalJson(bundle.encode(value)))
  checkSize(bytes)
  return bytes
}

/**
 * Reads a bundle from a stranger: exact keys, every length checked, and canonical, so that one bundle
 * has one digest. Nothing in it is believed yet.
 *
 * @throws {MalformedError} naming the place, such as `bundle.grants[2].owner`.
 */
export function parseBundle(bytes: Bytes): Bundle {
  checkSize(bytes)
  const parsed = parseField(bundle, parseUtf8(bytes, 'bundle'), 'bundle', {
    charactersMax: limits.bundleBytesMax,
    depthMax: limits.jsonDepthMax,
  })
  if (!equalBytes(encodeBundle(parsed), bytes))
    throw new MalformedError('bundle', 0, 'not in canonical form')
  return parsed
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length > limits.bundleBytesMax)
    throw new MalformedError(
      'bundle',
      0,
      `${bytes.length} bytes, at most ${limits.bundleBytesMax} are read`,
    )
}
