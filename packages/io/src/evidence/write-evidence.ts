import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  encodeCollateral,
  type Collateral,
  type Evidence,
  type TpmEvidence,
} from '@cloister/attest'
import { encodeHex, OperationError, type Bytes } from '@cloister/codec'

import { systemErrorCode } from '../system-error.ts'

/** A file of a folder of evidence: its name and what stands in it. */
type File = readonly [name: string, content: Bytes | string]

/**
 * Writes evidence, and the documents that came along, into a new folder, in the layout that {@link readEvidence} reads.
 *
 * @throws {OperationError} `file-exists`, `file-unwritable`.
 */
export function writeEvidence(folder: string, evidence: Evidence, collateral: Collateral): void {
  const files: readonly File[] = [
    ...filesOf(evidence),
    ...(Object.keys(collateral).length === 0
      ? []
      : [['collateral.json', encodeCollateral(collateral)] as const]),
  ]
  makeFolder(folder)
  try {
    for (const [name, content] of files)
      writeFileSync(join(folder, name), content, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    throw unwritable(folder, cause)
  }
}

/** Makes a folder that was not there. @throws {OperationError} `file-exists`, `file-unwritable`. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (cause) {
    throw unwritable(folder, cause)
  }
}

function filesOf(evidence: Evidence): readonly File[] {
  switch (evidence.tee) {
    case 'sgx':
    case 'tdx':
      return [['quote.bin', evidence.quote]]
    case 'sev-snp':
      return [['report.bin', evidence.report]]
    case 'nvidia-gpu':
    case 'nvidia-nvswitch':
      return [
        ['evidence.bin', evidence.measurements],
        ['certificate_chain.pem', evidence.certificateChain],
      ]
    case 'aws-nitro':
      return [['attestation_doc.cose', evidence.document]]
    case 'arm-cca':
    case 'arm-psa':
      return [['token.cbor', evidence.token]]
    case 'tpm2':
    default:
      return tpmFiles(evidence)
  }
}

function tpmFiles(evidence: TpmEvidence): readonly File[] {
  const { attestationKey, certificateChain, pcrs, eventLog, hcl, hardwareQuote } = evidence
  // SubjectPublicKeyInfo is a DER sequence; TPMT_PUBLIC begins with the key's type.
  const keyName = attestationKey?.[0] === 0x30 ? 'ak.spki.der' : 'ak.tpmt_public.bin'
  return [
    ['quote.tpms_attest.bin', evidence.quote],
    ['signature.bin', evidence.signature],
    ...(attestationKey ? [[keyName, attestationKey] as const] : []),
    ...(certificateChain === undefined ? [] : [['ak_cert_chain.pem', certificateChain] as const]),
    ...(pcrs ? [['pcrs.json', pcrsJson(pcrs)] as const] : []),
    ...(eventLog ? [['tcg_event_log.bin', eventLog] as const] : []),
    ...(hcl ? [['hcl_report.bin', hcl] as const] : []),
    ...(hardwareQuote ? [['td_quote.bin', hardwareQuote] as const] : []),
  ]
}

function pcrsJson(pcrs: NonNullable<TpmEvidence['pcrs']>): string {
  return JSON.stringify(pcrs, (_, value: unknown) =>
    value instanceof Uint8Array ? encodeHex(value) : value,
  )
}

function unwritable(folder: string, cause: unknown): OperationError {
  const code = systemErrorCode(cause)
  return code === 'EEXIST'
    ? new OperationError(
        'file-exists',
        `Cannot write evidence to ${folder}: there is something already; choose another folder`,
        { cause },
      )
    : new OperationError(
        'file-unwritable',
        `Cannot write evidence to ${folder}: ${code ?? String(cause)}; choose a place that you may write`,
        { cause },
      )
}
