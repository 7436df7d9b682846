import { encodeUtf8, canonicalJson } from '@cloister/codec'
import { keccak256, type Address, type Hex } from 'viem'

import {
  bytes32Field,
  hexBetween,
  integerField,
  objectField,
  oneOf,
  orNull,
  signatureField,
  type FieldValue,
} from './fields.ts'
import { sameHex } from './ids.ts'
import { signerOf } from './signatures.ts'

/** The longest note, as JSON. */
export const federationNoteBytesMax = 8192

/** What enclaves of a federation tell each other, in the order in which it happens. */
export const federationNoteKinds = [
  'hello',
  'roster',
  'seed',
  'ready',
  'weights',
  'update',
  'dropouts',
  'masks',
  'end',
] as const

/** One of {@link federationNoteKinds}. */
export type FederationNoteKind = (typeof federationNoteKinds)[number]

// HPKE's encapsulated secret and tag around a 32-byte key. Spec: docs/protocol.md section 2a.
const envelopeBytes = 1120 + 16 + 32

const fields = {
  deployment: bytes32Field,
  /** The plan's asset: which federation it is. */
  plan: bytes32Field,
  from: bytes32Field,
  to: bytes32Field,
  /** The attempts of sender and receiver: a later attempt starts anew and takes no old notes. */
  fromAttempt: integerField(1, 0xffff_ffff),
  toAttempt: integerField(1, 0xffff_ffff),
  kind: oneOf(...federationNoteKinds),
  round: integerField(0, 1_000_000),
  /** The sender's evidence bundle, an object. */
  bundle: bytes32Field,
  /** The sealed content, an object, and the envelope of its key; both absent in a hello, which says nothing more. */
  content: orNull(bytes32Field),
  envelope: orNull(hexBetween(envelopeBytes, envelopeBytes)),
} as const

const unsigned = objectField(fields)

/** How a {@link FederationNote} stands in JSON. */
export const federationNoteField = objectField({ ...fields, signature: signatureField })

/** A signed word from one enclave of a federation to another. Spec: docs/federated.md, "Attested channels". */
export type FederationNote = FieldValue<typeof federationNoteField>

/** A note before it is signed. */
export type UnsignedFederationNote = Omit<FederationNote, 'signature'>

const tag = encodeUtf8('cloister/federation-note/1\0')

/** What a note's signature is over: a tag of its own, so that no other signature of the key reads as one. */
export function federationNoteDigest(note: UnsignedFederationNote): Hex {
  const text = encodeUtf8(canonicalJson(unsigned.encode(note)))
  const bytes = new Uint8Array(tag.length + text.length)
  bytes.set(tag)
  bytes.set(text, tag.length)
  return keccak256(bytes)
}

/** Whether `note` was signed by the enclave with this receipt key. */
export async function isSignedFederationNote(
  { signature, ...note }: FederationNote,
  key: Address,
): Promise<boolean> {
  return sameHex(key, await signerOf(federationNoteDigest(note), signature))
}
