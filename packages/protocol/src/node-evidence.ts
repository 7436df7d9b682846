import {
  encodeCollateral,
  parseCollateral,
  type CcaEvidence,
  type Collateral,
  type NitroEvidence,
  type SgxEvidence,
  type SnpEvidence,
  type TdxEvidence,
} from '@cloister/attest'
import { encodeHex, MalformedError, parseHex, parseJson, type Bytes } from '@cloister/codec'
import type { Hex } from 'viem'

import {
  hexBetween,
  malformed,
  membersOf,
  objectField,
  oneOf,
  textField,
  type Field,
} from './fields.ts'
import { digestOf } from './ids.ts'
import { limits } from './limits.ts'
import type { ShownDevices } from './node-devices.ts'
import { allTees, teesOf, type NodeTee } from './tees.ts'

/** Evidence that a node may be admitted by: of every kind of TEE that runs a whole enclave. */
export type NodeEvidence = SgxEvidence | TdxEvidence | SnpEvidence | NitroEvidence | CcaEvidence

/** Evidence of a node, and its vendor's documents. Nothing of it is believed. */
export type ShownEvidence = {
  readonly evidence: NodeEvidence
  readonly collateral: Collateral
  /** Of GPUs beside the CPU, for an attempt of an app that uses them. */
  readonly devices?: ShownDevices
}

/** The bytes of evidence: what its vendor's key has signed, with the signature. */
export function evidenceBytes(evidence: NodeEvidence): Bytes {
  switch (evidence.tee) {
    case 'sgx':
    case 'tdx':
      return evidence.quote
    case 'sev-snp':
      return evidence.report
    case 'aws-nitro':
      return evidence.document
    case 'arm-cca':
    default:
      return evidence.token
  }
}

/** The SHA-256 of {@link evidenceBytes}: what keepers pin and release records name. */
export function evidenceDigest(evidence: NodeEvidence): Hex {
  return digestOf(evidenceBytes(evidence))
}

/** Evidence of one kind around its bytes, unread. */
export function evidenceOf(tee: NodeTee, bytes: Bytes): NodeEvidence {
  switch (tee) {
    case 'sgx':
    case 'tdx':
      return { tee, quote: bytes }
    case 'sev-snp':
      return { tee, report: bytes }
    case 'aws-nitro':
      return { tee, document: bytes }
    case 'arm-cca':
    default:
      return { tee, token: bytes }
  }
}

const members: Readonly<Record<NodeTee, string>> = {
  sgx: 'quote',
  tdx: 'quote',
  'sev-snp': 'report',
  'aws-nitro': 'document',
  'arm-cca': 'token',
}

const nodeTees = teesOf(allTees)
const kind = oneOf(...nodeTees)
const piece = hexBetween(1, limits.evidenceBytesMax)

/** How {@link NodeEvidence} stands in JSON: its kind, and under attest's name for it the bytes in hexadecimal. */
export const nodeEvidenceField: Field<NodeEvidence> = {
  parse(value, path) {
    const tee = kind.parse(membersOf(value, path).get('tee') ?? null, `${path}.tee`)
    const shape = objectField({ tee: oneOf(tee), [members[tee]]: piece })
    const hex = shape.parse(value, path)[members[tee]]
    return evidenceOf(tee, parseHex(hex ?? '', path))
  },
  encode: (evidence) => ({
    tee: evidence.tee,
    [members[evidence.tee]]: `0x${encodeHex(evidenceBytes(evidence))}`,
  }),
}

const intel = objectField({
  tcbInfo: textField(limits.collateralTextBytesMax),
  tcbInfoSignature: textField(128),
  tcbInfoIssuerChain: textField(limits.issuerChainBytesMax),
  qeIdentity: textField(limits.collateralTextBytesMax),
  qeIdentitySignature: textField(128),
  qeIdentityIssuerChain: textField(limits.issuerChainBytesMax),
  rootCaCrl: textField(limits.collateralTextBytesMax),
  pckCrl: textField(limits.revocationListBytesMax),
  pckCrlIssuerChain: textField(limits.issuerChainBytesMax),
})

const amd = objectField({
  certificateChain: textField(limits.issuerChainBytesMax),
  crl: textField(limits.collateralTextBytesMax),
})

const intelCollateral = objectField({ intel })
const amdCollateral = objectField({ amd })
const noCollateral = objectField({})

/** How the collateral of one kind of evidence stands in JSON: its own vendor's documents and no other's. */
export function nodeCollateralField(tee: NodeTee): Field<Collateral> {
  switch (tee) {
    case 'sgx':
    case 'tdx':
      return {
        parse: (value, path) => intelCollateral.parse(value, path),
        encode: ({ intel: documents }) => {
          if (documents === undefined) throw malformed('collateral.intel', 'missing')
          return intelCollateral.encode({ intel: documents })
        },
      }
    case 'sev-snp':
      return {
        parse: (value, path) => amdCollateral.parse(value, path),
        encode: ({ amd: documents }) => {
          const { certificateChain, crl } = documents ?? {}
          if (certificateChain === undefined || crl === undefined)
            throw malformed(
              'collateral.amd',
              'a certificate chain and a revocation list are needed',
            )
          return amdCollateral.encode({ amd: { certificateChain, crl } })
        },
      }
    case 'aws-nitro':
      // A document carries its whole chain, and AWS has no lists to check.
      return { parse: (value, path) => noCollateral.parse(value, path), encode: () => ({}) }
    case 'arm-cca':
    default:
      return deviceKeys
  }
}

const deviceKeysCaps = { charactersMax: 4096, depthMax: 4 }

/** The key of a CCA platform: whether it is trusted, an anchor says. */
const deviceKeys: Field<Collateral> = {
  parse(value, path) {
    const [name, ...others] = membersOf(value, path).keys()
    if (name !== 'deviceKeys' || others.length > 0)
      throw malformed(path, 'expected the deviceKeys of a CCA platform, and nothing else')
    try {
      const text = JSON.stringify(value)
      if (text.length > deviceKeysCaps.charactersMax)
        throw malformed(path, `at most ${deviceKeysCaps.charactersMax} characters of keys are read`)
      return parseCollateral(text)
    } catch (cause) {
      if (!(cause instanceof MalformedError)) throw cause
      throw malformed(path, cause.message)
    }
  },
  encode: ({ deviceKeys: keys }) =>
    parseJson(encodeCollateral({ deviceKeys: keys ?? [] }), 'collateral', deviceKeysCaps),
}

/**
 * How an object with `evidence` and `collateral` of one node stands in JSON: `rest` says how, given the field of the
 * collateral that goes with the kind of evidence that is shown.
 */
export function shownEvidenceField<T extends ShownEvidence>(
  rest: (collateral: Field<Collateral>) => Field<T>,
): Field<T> {
  const fields = new Map(nodeTees.map((tee) => [tee, rest(nodeCollateralField(tee))]))
  const fieldOf = (tee: NodeTee): Field<T> => fields.get(tee) ?? rest(nodeCollateralField(tee))
  return {
    parse(value, path) {
      const { tee } = nodeEvidenceField.parse(
        membersOf(value, path).get('evidence') ?? null,
        path === '' ? 'evidence' : `${path}.evidence`,
      )
      return fieldOf(tee).parse(value, path)
    },
    encode: (value) => fieldOf(value.evidence.tee).encode(value),
  }
}
