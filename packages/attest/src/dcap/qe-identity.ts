import {
  encodeHex,
  MalformedError,
  parseHex,
  parseJson,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { refuseUnless } from '../reject.ts'
import type { EnclaveReport } from './enclave-report.ts'
import { JsonFields } from './json-fields.ts'
import { readComponentLevels, signedJsonLimits, type ComponentLevel } from './tcb-info.ts'

/** What Intel says about the enclave that signs quotes. */
export type QeIdentity = {
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly id: string
  readonly evaluationDataNumber: number
  readonly miscSelect: Bytes
  readonly miscSelectMask: Bytes
  readonly attributes: Bytes
  readonly attributesMask: Bytes
  readonly mrSigner: string
  readonly isvProdId: number
  readonly levels: readonly ComponentLevel[]
}

/**
 * Reads an enclave identity, version 2. Its signature is checked elsewhere, over the exact text.
 *
 * Spec: Intel SGX and TDX PCS API v4, "Get TDX QE Identity".
 *
 * @throws {MalformedError} naming the member, on another version too.
 */
export function parseQeIdentity(text: string): QeIdentity {
  const fields = new JsonFields(parseJson(text, 'QE identity', signedJsonLimits), 'QE identity')
  const version = fields.integer('version', 0xffff)
  if (version !== 2)
    throw new MalformedError('QE identity.version', 0, `got ${version}, expected 2`)
  return {
    id: fields.text('id'),
    issueDate: fields.time('issueDate'),
    nextUpdate: fields.time('nextUpdate'),
    evaluationDataNumber: fields.integer('tcbEvaluationDataNumber', 0xffffffff),
    // In the order of the report's bytes, as Intel's own library and its sample have it.
    miscSelect: parseHex(fields.hex('miscselect', 4)),
    miscSelectMask: parseHex(fields.hex('miscselectMask', 4)),
    attributes: parseHex(fields.hex('attributes', 16)),
    attributesMask: parseHex(fields.hex('attributesMask', 16)),
    mrSigner: fields.hex('mrsigner', 32),
    isvProdId: fields.integer('isvprodid', 0xffff),
    levels: readComponentLevels(fields),
  }
}

/**
 * Refuses unless the report is of the enclave that the identity describes; gives its TCB level, or
 * undefined where the enclave is older than every level.
 *
 * Spec: Intel quote verification library, 4.1.2.4.14 to 15 and 4.1.2.9.5 to 10.
 *
 * @throws {Refusal} QE_IDENTITY_MISMATCH, saying which field and both values.
 */
export function matchQeIdentity(
  report: EnclaveReport,
  identity: QeIdentity,
  id: 'TD_QE' | 'QE',
): ComponentLevel | undefined {
  requireEqual('identity id', identity.id, id)
  requireEqual(
    'MISCSELECT',
    encodeHex(masked(report.miscSelect, identity.miscSelectMask)),
    encodeHex(identity.miscSelect),
  )
  requireEqual(
    'ATTRIBUTES',
    encodeHex(masked(report.attributes, identity.attributesMask)),
    encodeHex(identity.attributes),
  )
  requireEqual('MRSIGNER', encodeHex(report.mrSigner), identity.mrSigner)
  requireEqual('ISVPRODID', String(report.isvProdId), String(identity.isvProdId))
  return identity.levels.find((level) => report.isvSvn >= level.isvSvn)
}

function requireEqual(field: string, actual: string, expected: string): void {
  refuseUnless(
    actual === expected,
    'QE_IDENTITY_MISMATCH',
    () => `${field}: got ${actual}, expected ${expected}`,
  )
}

function masked(value: Bytes, mask: Bytes): Bytes {
  return value.map((byte, index) => byte & (mask[index] ?? 0))
}
