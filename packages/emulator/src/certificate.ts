import { encodeDer, encodeUtf8, type Bytes, type UnixSeconds } from '@cloister/codec'
import {
  bitString,
  boolean,
  explicit,
  integer,
  objectIdentifier,
  octetString,
  printableString,
  sequence,
  set,
  unsignedInteger,
  utcTime,
  utf8String,
} from './der.ts'
import { sha1, type CertificateKey } from './signing-key.ts'

/** What a certificate says. Field order and criticality follow Intel's own certificates. */
export type CertificateContent = Validity & {
  readonly subject: SubjectName
  readonly subjectKey: CertificateKey
  readonly serial: Bytes
  /** How many CAs may stand below; undefined for an end entity. */
  readonly pathLength: number | undefined
  /** Where the issuer's revocation list is; undefined for none. */
  readonly crlUrl: string | undefined
  /** Uses of an end entity's key: digitalSignature, with nonRepudiation unless it is left out. */
  readonly nonRepudiation?: false
  /** Extensions of the vendor's own, put last. */
  readonly extraExtensions?: readonly Bytes[]
}

/** When something is valid, both seconds included. */
export type Validity = { readonly notBefore: UnixSeconds; readonly notAfter: UnixSeconds }

/** A common name, with a serial number where the vendor names devices by one. */
export type SubjectName = string | { readonly commonName: string; readonly serialNumber: string }

/** Who signs: the issuer's name and key. */
export type Issuer<N extends SubjectName = string> = {
  readonly name: N
  readonly key: CertificateKey
}

/** Issues an X.509 v3 certificate, signed with the issuer's key. Spec: RFC 5280 section 4.1. */
export function issueCertificate(content: CertificateContent, issuer: Issuer<SubjectName>): Bytes {
  const tbs = sequence(
    explicit(0, integer(2)),
    unsignedInteger(content.serial),
    issuer.key.signatureAlgorithm,
    distinguishedName(issuer.name),
    sequence(utcTime(content.notBefore), utcTime(content.notAfter)),
    distinguishedName(content.subject),
    subjectPublicKeyInfo(content.subjectKey),
    explicit(3, sequence(...extensions(content, issuer))),
  )
  return sequence(tbs, issuer.key.signatureAlgorithm, bitString(issuer.key.signDer(tbs)))
}

/** SubjectPublicKeyInfo of a key. Anchors are pinned by its SHA-256. */
export function subjectPublicKeyInfo(key: CertificateKey): Bytes {
  return sequence(key.keyAlgorithm, bitString(key.publicKey))
}

/** The distinguished name around a name. Says in every certificate that it is no vendor's. */
export function distinguishedName(name: SubjectName): Bytes {
  const { commonName, serialNumber } =
    typeof name === 'string' ? { commonName: name, serialNumber: undefined } : name
  return sequence(
    ...(serialNumber === undefined ? [] : [attribute('2.5.4.5', printableString(serialNumber))]),
    attribute('2.5.4.3', utf8String(commonName)),
    attribute('2.5.4.10', utf8String('Cloister Emulator (insecure development root)')),
    attribute('2.5.4.7', utf8String('Nowhere')),
    attribute('2.5.4.8', utf8String('ZZ')),
    attribute('2.5.4.6', printableString('ZZ')),
  )
}

/** An extension. Spec: RFC 5280 section 4.1. */
export function extension(oid: string, critical: boolean, value: Bytes): Bytes {
  const flag = critical ? [boolean(true)] : []
  return sequence(objectIdentifier(oid), ...flag, octetString(value))
}

/** AuthorityKeyIdentifier with the key identifier alone. Spec: RFC 5280 section 4.2.1.1. */
export function authorityKeyIdentifier(key: CertificateKey): Bytes {
  return extension('2.5.29.35', false, sequence(encodeDer(0x80, keyIdentifier(key))))
}

/** The 20 bytes that name a key in certificates. Spec: RFC 5280 section 4.2.1.2, method 1. */
export function keyIdentifier(key: CertificateKey): Bytes {
  return sha1(key.publicKey)
}

/** PEM text of certificates, in the order given. Spec: RFC 7468. */
export function toPem(...certificates: readonly Uint8Array[]): string {
  return certificates.map(pemBlock).join('')
}

function pemBlock(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

function extensions(content: CertificateContent, issuer: Issuer<SubjectName>): readonly Bytes[] {
  const { pathLength, crlUrl } = content
  const isCa = pathLength !== undefined
  return [
    authorityKeyIdentifier(issuer.key),
    ...(crlUrl === undefined ? [] : [extension('2.5.29.31', false, crlDistributionPoints(crlUrl))]),
    extension('2.5.29.14', false, octetString(keyIdentifier(content.subjectKey))),
    extension(
      '2.5.29.15',
      true,
      isCa ? caUsage : (content.nonRepudiation ?? true) ? endUsage : signUsage,
    ),
    extension('2.5.29.19', true, isCa ? sequence(boolean(true), integer(pathLength)) : sequence()),
    ...(content.extraExtensions ?? []),
  ]
}

/** Bits of keyUsage. Spec: RFC 5280 section 4.2.1.3. */
const caUsage = bitString(Uint8Array.of(0x06), 1) // keyCertSign and cRLSign.
const endUsage = bitString(Uint8Array.of(0xc0), 6) // digitalSignature and nonRepudiation.
const signUsage = bitString(Uint8Array.of(0x80), 7) // digitalSignature alone.

function crlDistributionPoints(url: string): Bytes {
  return sequence(sequence(explicit(0, explicit(0, encodeDer(0x86, encodeUtf8(url))))))
}

function attribute(oid: string, value: Bytes): Bytes {
  return set(sequence(objectIdentifier(oid), value))
}
