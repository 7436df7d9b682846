import {
  appraiseProvenance,
  describeAppraisal,
  isAccepted,
  type Appraisal,
  type Collateral,
  type Given,
  type ProvenanceEvidence,
} from '@cloister/attest'
import { MalformedError, parseHex, type Bytes } from '@cloister/codec'
import {
  assetId,
  deploymentOf,
  provenanceDataDigest,
  provenanceOwner,
  provenanceTypedData,
  sameHex,
  type Domain,
  type ProvenanceRecord,
  type UnsignedProvenance,
} from '@cloister/protocol'
import type { Address, Hex, LocalAccount } from 'viem'

import type { AssetName } from './asset.ts'
import { sayError, sdkError } from './sdk-error.ts'

/** Data that a device made, and the 32 bytes that it was salted with, if it was. */
export type DeviceData = { readonly bytes: Bytes; readonly salt?: Bytes }

/** Everything that a device's evidence is judged by besides the documents that travel with it. */
export type ProvenanceGiven = Omit<Given, 'collateral'>

/** What an owner attaches to an asset. */
export type AttachProvenanceOptions = {
  /** The asset's owner: a viem LocalAccount, or anything that signs typed data for this address. */
  readonly account: Pick<LocalAccount, 'address' | 'signTypedData'>
  /** The deployment's, as `deploymentDomain` gives it. */
  readonly domain: Domain
  readonly asset: AssetName
  readonly data: DeviceData
  readonly evidence: ProvenanceEvidence
  readonly collateral: Collateral
  readonly given: ProvenanceGiven
}

/**
 * Attaches a device's evidence to an asset: signs that what is sealed in it is this data, which this device signed for.
 * Needs no network.
 *
 * @throws {OperationError} `provenance-refused` where the evidence is not accepted or signs other data, `wrong-owner`,
 * `no-account` where the account refuses to sign.
 */
export async function attachProvenance(
  options: AttachProvenanceOptions,
): Promise<ProvenanceRecord> {
  const { account, domain, asset, data, evidence, collateral, given } = options
  const deployment = deploymentOf(domain)
  requireOwner(account.address, asset, deployment)
  const dataDigest = provenanceDataDigest(data.bytes, data.salt)
  const digest = parseHex(dataDigest, 'data digest')
  const appraisal = await appraiseProvenance(evidence, digest, { ...given, collateral })
  if (!isAccepted(appraisal)) throw refused(asset.asset, appraisal)
  const { root, salt } = asset
  const unsigned: UnsignedProvenance = {
    format: 'cloister-provenance/1',
    ...{ deployment, asset: asset.asset, root, salt, dataDigest, evidence, collateral },
  }
  try {
    const signature = await account.signTypedData(provenanceTypedData(domain, unsigned))
    return { ...unsigned, signature }
  } catch (cause) {
    throw sdkError(
      'no-account',
      `Cannot sign the provenance of asset ${asset.asset}: ${sayError(cause)}; allow it in the wallet, or use another account`,
      { cause },
    )
  }
}

/** What a record can show, in the order in which it is listed. Spec: docs/protocol.md section 14. */
export const provenanceFactNames = ['deployment', 'asset', 'owner', 'evidence', 'data'] as const

/** The name of one fact. */
export type ProvenanceFactName = (typeof provenanceFactNames)[number]

/** One thing that a record claims, whether it holds, and what it is or what is wrong. */
export type ProvenanceFact = {
  readonly name: ProvenanceFactName
  readonly state: 'proved' | 'not-proved' | 'not-asked'
  readonly detail: string
}

/** What a record is held against. What somebody does not know or want to compare, they spell. */
export type ProvenanceExpected = {
  /** The deployment's identifier. */
  readonly deployment: Hex | 'any'
  readonly asset: Hex | 'any'
  readonly owner: Address | 'any'
  readonly data: DeviceData | 'unseen'
  readonly given: ProvenanceGiven
  /** Documents newer than the record's, and keys besides its own. */
  readonly collateral?: Collateral
}

/**
 * Judges a record. Pure and offline: no network, no clock. Every fact is listed, also after others have failed.
 *
 * It does not show that the sealed object holds this data: that is the owner's word until somebody opens it. Nor that
 * the chain knows the asset: `assetOnChain` says so, and its owner can't be another.
 *
 * Spec: docs/protocol.md section 14.
 */
export async function checkProvenance(
  record: ProvenanceRecord,
  expected: ProvenanceExpected,
): Promise<readonly ProvenanceFact[]> {
  const { deployment, asset, data } = expected
  return [
    sameFact('deployment', record.deployment, deployment),
    sameFact('asset', record.asset, asset),
    await ownerFact(record, expected.owner),
    await evidenceFact(record, expected),
    data === 'unseen'
      ? { name: 'data', state: 'not-asked', detail: record.dataDigest }
      : dataFact(record, data),
  ]
}

function sameFact(name: 'deployment' | 'asset', actual: Hex, wanted: Hex | 'any'): ProvenanceFact {
  if (wanted === 'any') return { name, state: 'not-asked', detail: actual }
  return sameHex(actual, wanted)
    ? { name, state: 'proved', detail: actual }
    : { name, state: 'not-proved', detail: `got ${actual}, expected ${wanted}` }
}

async function ownerFact(
  record: ProvenanceRecord,
  wanted: Address | 'any',
): Promise<ProvenanceFact> {
  const owner = await provenanceOwner(record)
  const name = 'owner'
  if (owner === undefined)
    return { name, state: 'not-proved', detail: `not signed by the owner of ${record.asset}` }
  return wanted === 'any' || sameHex(owner, wanted)
    ? { name, state: 'proved', detail: `${owner} attached it` }
    : { name, state: 'not-proved', detail: `signed by ${owner}, expected ${wanted}` }
}

async function evidenceFact(
  { evidence, dataDigest, collateral }: ProvenanceRecord,
  { given, collateral: newer = {} }: ProvenanceExpected,
): Promise<ProvenanceFact> {
  const deviceKeys = [...(collateral.deviceKeys ?? []), ...(newer.deviceKeys ?? [])]
  const appraisal = await appraiseProvenance(evidence, parseHex(dataDigest, 'data digest'), {
    ...given,
    collateral: { ...collateral, ...newer, ...(deviceKeys.length > 0 && { deviceKeys }) },
  })
  const accepted = isAccepted(appraisal)
  return {
    name: 'evidence',
    state: accepted ? 'proved' : 'not-proved',
    detail: accepted
      ? `${evidence.tee}, ${appraisal.claims.endorsement} key, measurement ${appraisal.claims.measurement}`
      : oneLine(appraisal),
  }
}

function dataFact(record: ProvenanceRecord, { bytes, salt }: DeviceData): ProvenanceFact {
  const name = 'data'
  try {
    const digest = provenanceDataDigest(bytes, salt)
    return sameHex(digest, record.dataDigest)
      ? { name, state: 'proved', detail: `${digest}, ${bytes.length} bytes` }
      : { name, state: 'not-proved', detail: `got ${digest}, expected ${record.dataDigest}` }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return { name, state: 'not-proved', detail: error.message }
  }
}

function requireOwner(account: Address, name: AssetName, deployment: Hex): void {
  const { asset, owner, root, salt } = name
  if (!sameHex(account, owner))
    throw sdkError(
      'wrong-owner',
      `Cannot attach provenance to asset ${asset}: its owner is ${owner}, the account is ${account}; use the owner's account`,
    )
  if (!sameHex(assetId({ deployment, owner, root, salt }), asset))
    throw sdkError(
      'provenance-refused',
      `Cannot attach provenance to asset ${asset}: that is not the identifier of this owner, root and salt in deployment ${deployment}; use the deployment and the names that it was sealed with`,
    )
}

function refused(asset: Hex, appraisal: Appraisal) {
  const otherData =
    appraisal.authentic !== false && appraisal.reasons.some(({ code }) => code === 'REPORT_DATA')
  const next = otherData
    ? 'give the very data that the device made, and the salt if it used one'
    : 'see cloister evidence explain'
  return sdkError(
    'provenance-refused',
    `Cannot attach provenance to asset ${asset}: ${oneLine(appraisal)}; ${next}`,
  )
}

function oneLine(appraisal: Appraisal): string {
  return describeAppraisal(appraisal).replaceAll('\n- ', '; ')
}
