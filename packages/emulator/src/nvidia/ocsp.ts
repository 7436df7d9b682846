import { encodeDer, type Bytes, type UnixSeconds } from '@cloister/codec'
import { distinguishedName, extension, type Validity } from '../certificate.ts'
import {
  bitString,
  enumerated,
  explicit,
  objectIdentifier,
  octetString,
  sequence,
  unsignedInteger,
} from '../der.ts'
import { sha384 } from '../signing-key.ts'
import { certify, type Certified } from './authority.ts'

/** What a responder says of a certificate. */
export type OcspStatus = 'good' | 'revoked' | 'hold' | 'unknown'

/** What a response says. */
export type OcspContent = {
  /** CertID as it was asked for, DER. */
  readonly certId: Bytes
  readonly status: OcspStatus
  readonly thisUpdate: UnixSeconds
  /** Undefined: the response does not say when it ends. */
  readonly nextUpdate: UnixSeconds | undefined
}

/** Who signs a response, and the certificate that shows why, where it is not the issuer itself. */
export type Responder = { readonly signer: Certified; readonly certificate: Bytes | undefined }

/** The CertID of a certificate, by SHA-384 as NVIDIA's verifier asks. Spec: RFC 6960 section 4.1.1. */
export function certIdOf(serial: Bytes, issuer: Certified): Bytes {
  return sequence(
    sequence(objectIdentifier('2.16.840.1.101.3.4.2.2')),
    octetString(sha384(distinguishedName(issuer.name))),
    octetString(sha384(issuer.key.publicKey)),
    unsignedInteger(serial),
  )
}

/** A responder that an authority certifies for this purpose. Spec: RFC 6960 section 4.2.2.2. */
export function delegate(
  seed: Bytes,
  authority: Certified,
  options: {
    readonly validity?: Validity
    readonly purpose?: string
    /** Its key may sign certificates, and nothing else. */
    readonly signsCertificates?: boolean
  } = {},
): Responder {
  const { validity, purpose = '1.3.6.1.5.5.7.3.9', signsCertificates = false } = options
  const usage = extension('2.5.29.37', false, sequence(objectIdentifier(purpose)))
  const signer = certify(seed, 'nvidia/responder', 'Cloister Emulator OCSP Responder', authority, {
    ...(!signsCertificates && { end: true }),
    extensions: [usage],
    ...(validity && { validity }),
  })
  return { signer, certificate: signer.der }
}

/** Issues a basic response. Spec: RFC 6960 section 4.2.1. */
export function issueOcspResponse(
  content: OcspContent,
  { signer, certificate }: Responder,
  signedBy: Certified = signer,
): Bytes {
  const { certId, status, thisUpdate, nextUpdate } = content
  const answer = sequence(
    certId,
    writeStatus(status, thisUpdate),
    generalizedTime(thisUpdate),
    ...(nextUpdate === undefined ? [] : [explicit(0, generalizedTime(nextUpdate))]),
  )
  const data = sequence(
    explicit(1, distinguishedName(signer.name)),
    generalizedTime(thisUpdate),
    sequence(answer),
  )
  const basic = sequence(
    data,
    signer.key.signatureAlgorithm,
    bitString(signedBy.key.signDer(data)),
    ...(certificate === undefined ? [] : [explicit(0, sequence(certificate))]),
  )
  const typed = sequence(objectIdentifier('1.3.6.1.5.5.7.48.1.1'), octetString(basic))
  return sequence(enumerated(0), explicit(0, typed))
}

/** A response that says why there is none. Spec: RFC 6960 section 2.3. */
export function ocspFailure(status: number): Bytes {
  return sequence(enumerated(status))
}

const reasons = { keyCompromise: 1, certificateHold: 6 }

function writeStatus(status: OcspStatus, since: UnixSeconds): Bytes {
  if (status === 'good') return encodeDer(0x80)
  if (status === 'unknown') return encodeDer(0x82)
  const reason = status === 'hold' ? reasons.certificateHold : reasons.keyCompromise
  return explicit(1, generalizedTime(since), explicit(0, enumerated(reason)))
}

function generalizedTime(seconds: UnixSeconds): Bytes {
  const text = new Date(seconds * 1000).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')
  return encodeDer(0x18, new TextEncoder().encode(`${text}Z`))
}
