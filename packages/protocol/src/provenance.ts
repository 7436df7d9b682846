import {
  canonicalJson,
  concatBytes,
  encodeUtf8,
  equalBytes,
  MalformedError,
  parseUtf8,
  type Bytes,
} from '@cloister/codec'
import { concatHex, hashStruct, keccak256, type Address, type Hex } from 'viem'

import type { Domain } from './digest.ts'
import {
  bytes32Field,
  objectField,
  oneOf,
  parseField,
  signatureField,
  type FieldValue,
} from './fields.ts'
import { assetId, digestOf, sameHex } from './ids.ts'
import { limits } from './limits.ts'
import { provenanceCollateralField, provenanceEvidenceField } from './provenance-evidence.ts'
import { signerOf } from './signatures.ts'

const record = objectField({
  format: oneOf('cloister-provenance/1'),
  deployment: bytes32Field,
  asset: bytes32Field,
  root: bytes32Field,
  salt: bytes32Field,
  dataDigest: bytes32Field,
  evidence: provenanceEvidenceField,
  collateral: provenanceCollateralField,
  signature: signatureField,
})

/**
 * An owner's word that a device made what is sealed in an asset, with the device's evidence. `root` and `salt` are what
 * the asset's identifier is made of besides its owner; `dataDigest` is what the device signed for.
 *
 * Spec: docs/protocol.md section 14.
 */
export type ProvenanceRecord = FieldValue<typeof record>

/** The same before its owner signed it. */
export type UnsignedProvenance = Omit<ProvenanceRecord, 'signature'>

/** A record's bytes: canonical JSON. @throws {MalformedError} past 4 MiB. */
export function encodeProvenanceRecord(value: ProvenanceRecord): Bytes {
  const bytes = encodeUtf8(canonicalJson(record.encode(value)))
  checkSize(bytes)
  return bytes
}

/**
 * Reads a record: exact keys, every length checked, and canonical, so that one record has one spelling. Nothing in it
 * is believed yet.
 *
 * @throws {MalformedError} naming the place, such as `provenance record.evidence.token`.
 */
export function parseProvenanceRecord(bytes: Uint8Array): ProvenanceRecord {
  checkSize(bytes)
  const name = 'provenance record'
  const parsed = parseField(record, parseUtf8(bytes, name), name, {
    charactersMax: limits.provenanceBytesMax,
    depthMax: limits.jsonDepthMax,
  })
  if (!equalBytes(encodeProvenanceRecord(parsed), bytes))
    throw new MalformedError(
      name,
      0,
      'not in canonical form (RFC 8785); take the file as it was made',
    )
  return parsed
}

const dataSaltBytes = 32
const saltedTag = 'cloister/salted-data/1\0'

/**
 * The digest that a device signs for: SHA-256 of the data; with a salt of 32 bytes, of a tag, the salt and the data.
 *
 * Data that can be guessed wants a salt: a record shows the digest to whoever reads it.
 *
 * @throws {MalformedError} on a salt of another length.
 */
export function provenanceDataDigest(data: Uint8Array, salt?: Uint8Array): Hex {
  if (salt === undefined) return digestOf(data)
  if (salt.length !== dataSaltBytes)
    throw new MalformedError('data salt', 0, `got ${salt.length} bytes, expected ${dataSaltBytes}`)
  return digestOf(concatBytes(encodeUtf8(saltedTag), salt, data))
}

/**
 * What the owner signs, as EIP-712 has it. No contract reads it, so it is no message of `messageTypes`: those are
 * the ones that Solidity computes too.
 */
const provenanceTypes = {
  Provenance: [
    { name: 'asset', type: 'bytes32' },
    { name: 'dataDigest', type: 'bytes32' },
    { name: 'evidenceDigest', type: 'bytes32' },
  ],
} as const

/** What a wallet signs for a record: domain, types and value in viem's shape. */
export function provenanceTypedData(domain: Domain, unsigned: UnsignedProvenance) {
  const { asset, dataDigest } = unsigned
  const message = { asset, dataDigest, evidenceDigest: evidenceDigest(unsigned) }
  return { domain, types: provenanceTypes, primaryType: 'Provenance', message } as const
}

/** The digest that is signed for a record, under the deployment that it names. Spec: EIP-712. */
export function provenanceDigest(unsigned: UnsignedProvenance): Hex {
  const { asset, dataDigest, deployment } = unsigned
  const data = { asset, dataDigest, evidenceDigest: evidenceDigest(unsigned) }
  const struct = hashStruct({ data, primaryType: 'Provenance', types: provenanceTypes })
  return keccak256(concatHex(['0x1901', deployment, struct]))
}

/**
 * The asset's owner, if it was its owner who signed; undefined otherwise. It takes no chain: an asset's identifier is a
 * hash over its owner, so only one account can be it.
 */
export async function provenanceOwner(signed: ProvenanceRecord): Promise<Address | undefined> {
  const { deployment, root, salt } = signed
  const owner = await signerOf(provenanceDigest(signed), signed.signature)
  return owner !== undefined && sameHex(assetId({ deployment, owner, root, salt }), signed.asset)
    ? owner
    : undefined
}

/** SHA-256 of the canonical JSON of evidence and collateral: nothing of either can be exchanged. */
function evidenceDigest({ evidence, collateral }: UnsignedProvenance): Hex {
  const json = {
    evidence: provenanceEvidenceField.encode(evidence),
    collateral: provenanceCollateralField.encode(collateral),
  }
  return digestOf(encodeUtf8(canonicalJson(json)))
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length > limits.provenanceBytesMax)
    throw new MalformedError(
      'provenance record',
      0,
      `${bytes.length} bytes, at most ${limits.provenanceBytesMax} are read`,
    )
}
