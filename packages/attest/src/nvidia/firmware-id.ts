import { DerReader, derTags, encodeHex, MalformedError, type Bytes } from '@cloister/codec'
import type { Certificate } from '../x509/certificate.ts'
import { objectIds } from '../x509/object-ids.ts'

const firmwareIdBytes = 48

/**
 * The digest of the firmware that a device's leaf certificate was made for (FWID, SHA-384), in hexadecimal. Undefined
 * where the certificate names none.
 *
 * Hopper: DICE's composite device id (version, device key, FWID). Blackwell: the first of the FWIDs of TcbInfo.
 * Spec: TCG DICE Attestation Architecture 1.1 section 6.1.1; TCG Implicit Identity Based Device Attestation.
 *
 * @throws {MalformedError} where the extension is not in its format.
 */
export function certifiedFirmwareId(leaf: Certificate): string | undefined {
  const composite = leaf.extensions.values.get(objectIds.tcgDiceFwid)
  if (composite !== undefined) {
    const r = open(composite)
    if (r.unsigned(`${field} version`) !== 1)
      throw new MalformedError(`${field} version`, 0, 'expected 1')
    r.element(`${field} device key`, derTags.sequence)
    const found = readFirmwareId(r)
    r.end(field)
    return found
  }
  const tcbInfo = leaf.extensions.values.get(objectIds.tcgDiceTcbInfo)
  if (tcbInfo === undefined) return undefined
  const r = open(tcbInfo)
  while (r.remaining > 0) {
    if (r.peek() === fwidsTag) return readFirmwareId(r.inside(field, fwidsTag))
    r.any(field)
  }
  return undefined
}

const field = 'firmware id in the leaf certificate'

/** TcbInfo's fwids, `[6] IMPLICIT SEQUENCE OF FWID`. */
const fwidsTag = 0xa6

function open(extension: Bytes): DerReader {
  const outer = new DerReader(extension)
  const r = outer.inside(field)
  outer.end(field)
  return r
}

function readFirmwareId(r: DerReader): string {
  const pair = r.inside(field)
  const hash = pair.objectId(field)
  const digest = pair.octets(field)
  pair.end(field)
  if (hash !== objectIds.sha384 || digest.length !== firmwareIdBytes)
    throw new MalformedError(field, 0, 'expected a SHA-384 digest')
  return encodeHex(digest)
}
