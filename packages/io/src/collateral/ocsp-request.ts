import { createHash } from 'node:crypto'
import { concatBytes, parseHex, type Bytes } from '@cloister/codec'
import { certificateNames } from './der-times.ts'

/**
 * A request for the status of one certificate, DER. Without a nonce: the answer is kept until it ends, and says when
 * it was made.
 *
 * Spec: RFC 6960 section 4.1.1, with SHA-384 over the issuer's name and key.
 *
 * @throws {MalformedError} where a certificate is none.
 */
export function encodeOcspRequest(certificate: Bytes, issuer: Bytes): Bytes {
  const { serial } = certificateNames(certificate)
  const { subject, keyBits } = certificateNames(issuer)
  const certificateId = element(
    sequence,
    element(sequence, sha384Id, element(nullTag)),
    element(octetString, sha384(subject)),
    element(octetString, sha384(keyBits)),
    element(integer, serial),
  )
  const requestList = element(sequence, element(sequence, certificateId))
  return element(sequence, element(sequence, requestList))
}

const sequence = 0x30
const octetString = 0x04
const integer = 0x02
const nullTag = 0x05

/** Object identifier 2.16.840.1.101.3.4.2.2. */
const sha384Id = parseHex('0609608648016503040202')

function element(tag: number, ...content: readonly Bytes[]): Bytes {
  const body = concatBytes(...content)
  const { length } = body
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  return concatBytes(Uint8Array.from(header), body)
}

function sha384(bytes: Bytes): Bytes {
  return new Uint8Array(createHash('sha384').update(bytes).digest())
}
