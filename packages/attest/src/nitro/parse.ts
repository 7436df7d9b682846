import { isCborMap, MalformedError, parseCbor, type Bytes, type CborMap } from '@cloister/codec'
import { asSizedBytes, ClaimSet } from '../cose/claim-set.ts'
import { cborDepthMax, parseSign1, type CoseSign1 } from '../cose/message.ts'
import { UnsupportedFormatError } from '../reject.ts'

/** An attestation document as it was signed. Nothing here is trusted. */
export type NitroDocument = {
  readonly message: CoseSign1
  readonly moduleId: string
  /** What PCRs are hashes by. */
  readonly digest: 'SHA384'
  /** When the hypervisor signed it, in milliseconds since 1970. */
  readonly timestampMilliseconds: number
  /** Values by index, 0 to 31. */
  readonly pcrs: ReadonlyMap<number, Bytes>
  /** DER, from the signer to the root. */
  readonly chain: readonly Bytes[]
  readonly publicKey: Bytes | undefined
  readonly userData: Bytes | undefined
  readonly nonce: Bytes | undefined
}

/** PCRs that say what runs: the enclave's image, its kernel and boot, its application. */
export const imagePcrs = [0, 1, 2] as const

// Hypervisors write maps and arrays that do not say how long they are, and keys in any order.
const payloadLimits = { bytesMax: 16_384, depthMax: cborDepthMax, itemsMax: 512, indefinite: true }

/** The leaf and eight authorities below the root. AWS sets no limit; its chains have five certificates. */
const cabundleMax = 9
const certificateSizes = { from: 1, to: 1024 }
const optionalMembers = ['public_key', 'user_data', 'nonce']

/**
 * Reads an attestation document: a COSE_Sign1 with ES384 and nothing outside its signature, around a CBOR map.
 *
 * Spec: AWS Nitro Enclaves Attestation Process, 3.1 and 3.2.2.
 *
 * @throws {UnsupportedFormatError} on another algorithm, or a COSE_Mac0.
 * @throws {MalformedError} naming the field, on anything else that is not a document.
 */
export function parseNitroDocument(bytes: Bytes): NitroDocument {
  const message = parseSign1(bytes, 'document')
  const { algorithm, unprotectedHeader } = message
  if (algorithm.id !== -35)
    throw new UnsupportedFormatError(
      'document algorithm',
      0,
      `got ${algorithm.name}, expected ES384`,
    )
  if (unprotectedHeader.size > 0)
    throw new MalformedError('document unprotected header', 0, 'expected no parameters')
  return readPayload(message)
}

function readPayload(message: CoseSign1): NitroDocument {
  const payload = parseCbor(message.payload, 'document', payloadLimits)
  if (!isCborMap(payload)) throw new MalformedError('document', 0, 'expected a map')
  const members = new ClaimSet(withoutNulls(payload), 'document')
  const digest = members.text('digest', 'digest', 16)
  if (digest !== 'SHA384')
    throw new MalformedError('document digest', 0, `got ${digest}, expected SHA384`)
  const certificate = members.bytes('certificate', 'certificate', certificateSizes)
  const cabundle = members
    .array('cabundle', 'cabundle', 1, cabundleMax)
    .map((item, index) => asSizedBytes(item, `document cabundle ${index}`, certificateSizes))
  return {
    message,
    moduleId: members.text('module_id', 'module_id', 256),
    digest,
    timestampMilliseconds: members.integer('timestamp', 'timestamp', 1, Number.MAX_SAFE_INTEGER),
    pcrs: readPcrs(members.map('pcrs', 'pcrs', 1, 32)),
    chain: [certificate, ...cabundle.toReversed()],
    publicKey: members.bytesIfAny('public_key', 'public_key', { from: 1, to: 1024 }),
    userData: members.bytesIfAny('user_data', 'user_data', { from: 0, to: 512 }),
    nonce: members.bytesIfAny('nonce', 'nonce', { from: 0, to: 512 }),
  }
}

/** Hypervisors write null for what was not given, although 3.2.2.1 forbids it: the member counts as absent. */
function withoutNulls(payload: CborMap): CborMap {
  return new Map(
    [...payload].filter(
      ([key, value]) => value !== null || typeof key !== 'string' || !optionalMembers.includes(key),
    ),
  )
}

/**
 * PCR0 to PCR2 have to be there, one as long as the other: a document without them does not say what runs.
 * AWS puts the first 16 into every document.
 */
function readPcrs(map: CborMap): ReadonlyMap<number, Bytes> {
  const pcrs = new Map<number, Bytes>()
  for (const [index, value] of map) {
    if (typeof index !== 'number' || index < 0 || index > 31)
      throw new MalformedError('document pcrs', 0, 'expected indices from 0 to 31')
    pcrs.set(index, asSizedBytes(value, `document pcrs ${index}`, [32, 48, 64]))
  }
  const size = pcrs.get(0)?.length
  for (const index of imagePcrs)
    if (size === undefined || pcrs.get(index)?.length !== size)
      throw new MalformedError(`document pcrs ${index}`, 0, 'absent, or not as long as PCR0')
  return pcrs
}
