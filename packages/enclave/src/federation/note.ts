import { encodeUtf8, canonicalJson, type Json } from '@cloister/codec'
import {
  bytes32Field,
  hexBetween,
  integerField,
  objectField,
  oneOf,
  orNull,
  sameHex,
  signatureField,
  signerOf,
  type FieldValue,
} from '@cloister/protocol'
import { envelopeOverheadBytes, keyBytes } from '@cloister/seal'
import { keccak256, type Address, type Hex } from 'viem'

/** What enclaves of a federation tell each other, in the order in which it happens. */
export const noteKinds = [
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

/** One of {@link noteKinds}. */
export type NoteKind = (typeof noteKinds)[number]

const envelopeBytes = envelopeOverheadBytes + keyBytes

const fields = {
  deployment: bytes32Field,
  /** The plan's asset: which federation it is. */
  plan: bytes32Field,
  from: bytes32Field,
  to: bytes32Field,
  /** The attempts of sender and receiver: a later attempt starts anew and takes no old notes. */
  fromAttempt: integerField(1, 0xffff_ffff),
  toAttempt: integerField(1, 0xffff_ffff),
  kind: oneOf(...noteKinds),
  round: integerField(0, 1_000_000),
  /** The sender's evidence bundle, an object. */
  bundle: bytes32Field,
  /** The sealed content, an object, and the envelope of its key; both absent in a hello, which says nothing more. */
  content: orNull(bytes32Field),
  envelope: orNull(hexBetween(envelopeBytes, envelopeBytes)),
} as const

const unsigned = objectField(fields)

/** How a {@link Note} stands in JSON. */
export const noteField = objectField({ ...fields, signature: signatureField })

/** A signed word from one enclave of a federation to another. Spec: docs/federated.md, "Attested channels". */
export type Note = FieldValue<typeof noteField>

/** A note before it is signed. */
export type UnsignedNote = Omit<Note, 'signature'>

const tag = encodeUtf8('cloister/federation-note/1\0')

/** What a note's signature is over: a tag of its own, so that no other signature of the key reads as one. */
export function noteDigest(note: UnsignedNote): Hex {
  const text = encodeUtf8(canonicalJson(unsigned.encode(note)))
  const bytes = new Uint8Array(tag.length + text.length)
  bytes.set(tag)
  bytes.set(text, tag.length)
  return keccak256(bytes)
}

/** Whether `note` was signed by the enclave with this receipt key. */
export async function isSignedNote({ signature, ...note }: Note, key: Address): Promise<boolean> {
  return sameHex(key, await signerOf(noteDigest(note), signature))
}

/** A note as it is sent. */
export function encodeNote(note: Note): Json {
  return noteField.encode(note)
}
