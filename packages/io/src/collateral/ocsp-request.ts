import { createHash } from 'node:crypto'
import { derTags, encodeDer, parseHex, type Bytes } from '@cloister/codec'
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
  const certificateId = encodeDer(
    derTags.sequence,
    encodeDer(derTags.sequence, sha384Id, nothing),
    encodeDer(derTags.octetString, sha384(subject)),
    encodeDer(derTags.octetString, sha384(keyBits)),
    encodeDer(derTags.integer, serial),
  )
  const requestList = encodeDer(derTags.sequence, encodeDer(derTags.sequence, certificateId))
  return encodeDer(derTags.sequence, encodeDer(derTags.sequence, requestList))
}

/** The parameters that hashes don't have: NULL. */
const nothing = encodeDer(0x05)

/** Object identifier 2.16.840.1.101.3.4.2.2. */
const sha384Id = parseHex('0609608648016503040202')

function sha384(bytes: Bytes): Bytes {
  return new Uint8Array(createHash('sha384').update(bytes).digest())
}
