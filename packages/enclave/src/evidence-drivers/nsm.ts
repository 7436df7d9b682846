import { parseNitroDocument } from '@cloister/attest'
import {
  encodeCbor,
  encodeHex,
  equalBytes,
  isCborMap,
  parseCbor,
  type Bytes,
  type Cbor,
} from '@cloister/codec'

import { collectError, fromSystemError } from './collect-error.ts'
import { callDevice } from './device-relay.ts'
import type { EvidenceDriver } from './driver.ts'
import { requireLength, waitFor } from './patience.ts'

/** Where a relay of `/dev/nsm` listens. */
export const nsmSocket = '/run/cloister/nsm.sock'

const reportDataBytes = { min: 1, max: 512 }
const answerBytesMax = 0x3000 // What the device takes and gives at most.
const waitMilliseconds = 30_000
const caps = { bytesMax: answerBytesMax, depthMax: 4, itemsMax: 16, indefinite: true }

/**
 * Collects attestation documents of a Nitro enclave through a relay of `/dev/nsm`. The report data stands in them as user data.
 *
 * Message and answer are the device's own, in CBOR: `{"Attestation": {"user_data", "nonce", "public_key"}}` and
 * `{"Attestation": {"document"}}`, or `{"Error": code}`.
 *
 * Spec: aws-nitro-enclaves-nsm-api, Request and Response; Linux drivers/misc/nsm.c, which hands them through.
 */
export function createNsmDriver(options: { readonly socketPath?: string } = {}): EvidenceDriver {
  const { socketPath = nsmSocket } = options
  return {
    name: 'nsm',
    reportDataBytes,
    collect: async ({ reportData, signal }) => {
      requireLength(reportData, reportDataBytes)
      const asked = new Map<string, Cbor>([
        ['user_data', reportData.slice()],
        ['nonce', null],
        ['public_key', null],
      ])
      const message = encodeCbor(new Map([['Attestation', asked]]))
      const answer = await waitFor(
        (unwanted) => callDevice(socketPath, message, { answerBytesMax, signal: unwanted }),
        waitMilliseconds,
        signal,
      )
      try {
        const document = readDocument(answer)
        requireUserData(document, reportData)
        return [{ evidence: { tee: 'aws-nitro', document } }]
      } catch (error) {
        throw fromSystemError(error, 'read the answer of the Nitro secure module')
      }
    },
  }
}

function readDocument(answer: Bytes): Bytes {
  const value = parseCbor(answer, 'answer of the Nitro secure module', caps)
  const members = isCborMap(value) ? value : new Map<string, Cbor>()
  const error = members.get('Error')
  if (typeof error === 'string')
    throw collectError(
      'evidence-refused',
      `the Nitro secure module answered ${error.slice(0, 64)}; look whether this is an enclave, and its memory suffices`,
    )
  const given = members.get('Attestation')
  const document = given !== undefined && isCborMap(given) ? given.get('document') : undefined
  if (document instanceof Uint8Array) return document.slice()
  throw collectError(
    'evidence-malformed',
    'the Nitro secure module answered with something else than a document',
  )
}

function requireUserData(document: Bytes, reportData: Bytes): void {
  const { userData } = parseNitroDocument(document)
  if (userData !== undefined && equalBytes(userData, reportData)) return
  throw collectError(
    'evidence-raced',
    `asked for user data ${encodeHex(reportData)}, got a document with other; another request came in between, try again`,
  )
}
