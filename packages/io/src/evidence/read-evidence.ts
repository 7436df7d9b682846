import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { detectTee, evidenceBytesMax, type Collateral, type Evidence } from '@cloister/attest'
import {
  encodeHex,
  MalformedError,
  OperationError,
  parseBase64,
  parseBase64Url,
  parseHex,
  type Bytes,
} from '@cloister/codec'

import { systemErrorCode } from '../system-error.ts'
import { readCollateralFiles } from './collateral-files.ts'
import { EvidenceFiles } from './evidence-files.ts'
import { readTpmFiles } from './tpm-files.ts'

/** Evidence from a file or a folder, and the documents that lie beside it. Nothing of it is trusted. */
export type FoundEvidence = {
  readonly evidence: Evidence
  readonly collateral: Collateral
  /** What is wrong with the documents; then there are none. */
  readonly malformed?: MalformedError
}

/** Most bytes of a file of evidence: twice as many in hexadecimal as the evidence may have, and some space. */
const fileBytesMax = 4 * evidenceBytesMax

/** Files that a folder's evidence may lie in, in the order in which they are looked for. */
const evidenceNames = [
  'quote.tpms_attest.bin',
  'quote.bin',
  'report.bin',
  'evidence.bin',
  'attestation_doc.cose',
  'token.cbor',
] as const

/**
 * Reads evidence: a file, whose format is detected, or a folder with one piece of evidence and the documents that it
 * is judged by. Hexadecimal and base64 texts are taken as what they stand for.
 *
 * Roots that lie in a folder are never read: who trusts one names it.
 *
 * @throws {OperationError} `file-missing`, `file-unreadable`.
 * @throws {MalformedError} where something is too large, or is nothing that is known here.
 */
export function readEvidence(path: string): FoundEvidence {
  const names = entriesOf(path)
  if (names === undefined)
    return evidenceFromBytes(new EvidenceFiles(path).required('', 'evidence', fileBytesMax))
  const name = evidenceNames.find((candidate) => names.includes(candidate))
  if (name === undefined)
    throw missing(path, `the folder holds none of ${evidenceNames.join(', ')}; name the file`)
  const files = new EvidenceFiles(join(path, '/'))
  const bytes = unarmoured(files.required(name, 'evidence', fileBytesMax))
  const evidence = evidenceOf(bytes, files)
  try {
    return { evidence, collateral: readCollateralFiles(files, names) }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return { evidence, collateral: {}, malformed: error }
  }
}

/** Names in a folder, sorted; undefined where the path is no folder. */
function entriesOf(path: string): readonly string[] | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined) throw missing(path, 'there is no such file or folder; check the path')
    return found.isDirectory() ? readdirSync(path).toSorted() : undefined
  } catch (cause) {
    if (cause instanceof OperationError) throw cause
    const message = `Cannot read evidence at ${path}: ${systemErrorCode(cause)}; check the path and its rights`
    throw new OperationError('file-unreadable', message, { cause })
  }
}

/** Evidence that stands alone, its format detected. @throws {MalformedError} where it is nothing that is known here. */
export function evidenceFromBytes(bytes: Bytes): FoundEvidence {
  return { evidence: evidenceOf(unarmoured(bytes), noFiles), collateral: {} }
}

const noFiles = { text: () => undefined, optional: () => undefined }

function evidenceOf(bytes: Bytes, files: Pick<EvidenceFiles, 'text' | 'optional'>): Evidence {
  if (bytes.length > evidenceBytesMax)
    throw new MalformedError('evidence', 0, `${bytes.length} bytes, at most ${evidenceBytesMax}`)
  const tee = detectTee(bytes)
  switch (tee) {
    case 'sgx':
    case 'tdx':
      return { tee, quote: bytes }
    case 'sev-snp':
      return { tee, report: bytes }
    case 'nvidia-gpu':
    case 'nvidia-nvswitch':
      return {
        tee,
        measurements: bytes,
        certificateChain: files.text('certificate_chain.pem', 'certificate chain') ?? '',
      }
    case 'aws-nitro':
      return { tee, document: bytes }
    case 'arm-cca':
    case 'arm-psa':
      return { tee, token: bytes }
    case 'tpm2':
      return readTpmFiles(bytes, files)
    case undefined:
    default:
      throw new MalformedError('evidence', 0, `no known format begins with ${beginning(bytes)}`)
  }
}

/** The bytes that a text of hexadecimal, base64 or base64url stands for; anything else as it is. */
function unarmoured(bytes: Bytes): Bytes {
  const isText = bytes.every(
    (byte) => byte === 0x0a || byte === 0x0d || (byte > 0x1f && byte < 0x7f),
  )
  if (!isText || bytes.length < 64) return bytes
  const text = new TextDecoder().decode(bytes).replaceAll(/\s/g, '')
  const hex = text.startsWith('0x') ? text.slice(2) : text
  try {
    if (/^[0-9a-fA-F]+$/.test(hex)) return parseHex(hex, 'evidence')
    const isUrl = /[-_]/.test(text) || text.length % 4 !== 0
    return isUrl ? parseBase64Url(text, 'evidence') : parseBase64(text, 'evidence')
  } catch {
    return bytes // A text of another kind: whatever reads it will say so.
  }
}

function beginning(bytes: Bytes): string {
  return bytes.length === 0 ? 'nothing: it is empty' : encodeHex(bytes.subarray(0, 8))
}

function missing(path: string, why: string): OperationError {
  return new OperationError('file-missing', `Cannot read evidence at ${path}: ${why}`)
}
