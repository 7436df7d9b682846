import { encodeHex, unixSeconds, type Bytes } from '@cloister/codec'
import { issueCertificate, keyIdentifier, type Issuer } from './certificate.ts'
import { pckExtension, type PckContent } from './pck-extension.ts'
import { deriveBytes, deriveSigningKey, sha256, type SigningKey } from './signing-key.ts'

/** The emulator's public-key infrastructure: the same tree as Intel's, under a root of its own. */
export type Authority = {
  readonly root: CertifiedIssuer
  readonly platformCa: CertifiedIssuer
  readonly processorCa: CertifiedIssuer
  readonly tcbSigner: CertifiedIssuer
  /**
   * Certifies a machine's provisioning key: by the Platform CA where it has a platform instance, else by the Processor
   * CA. Equal content and seed give an equal serial number.
   */
  certifyPck(key: SigningKey, content: PckContent): CertifiedPck
}

/** A PCK certificate and the authority that issued it. */
export type CertifiedPck = {
  readonly der: Bytes
  readonly serial: Bytes
  readonly ca: PckCa
  readonly issuer: CertifiedIssuer
}

/** Which authority certifies a machine. */
export type PckCa = 'platform' | 'processor'

/** An issuer with the certificate that names it. */
export type CertifiedIssuer = Issuer & { readonly key: SigningKey; readonly der: Bytes }

/** Builds the tree from a seed. Every byte follows from it. */
export function createAuthority(seed: Uint8Array): Authority {
  const rootKey = deriveSigningKey(seed, 'root')
  const rootIssuer: Issuer = { name: `${prefix} SGX Root CA`, key: rootKey }
  const certify = (
    name: string,
    key: SigningKey,
    pathLength: number | undefined,
  ): CertifiedIssuer => ({
    name,
    key,
    der: issueCertificate(
      {
        subject: name,
        subjectKey: key,
        serial: serialOf(key),
        pathLength,
        crlUrl: rootCrlUrl,
        ...lifetime,
      },
      rootIssuer,
    ),
  })
  const platformCa = certify(
    `${prefix} SGX PCK Platform CA`,
    deriveSigningKey(seed, 'platform-ca'),
    0,
  )
  const processorCa = certify(
    `${prefix} SGX PCK Processor CA`,
    deriveSigningKey(seed, 'processor-ca'),
    0,
  )
  return {
    root: certify(rootIssuer.name, rootKey, 1),
    platformCa,
    processorCa,
    tcbSigner: certify(
      `${prefix} SGX TCB Signing`,
      deriveSigningKey(seed, 'tcb-signer'),
      undefined,
    ),
    certifyPck: (key, content) => {
      const extra = pckExtension(content)
      const serial = positive(deriveBytes(seed, `serial/${encodeHex(sha256(extra))}`, 20))
      const subject = `${prefix} SGX PCK Certificate`
      const ca = content.platformInstanceId === undefined ? 'processor' : 'platform'
      const issuer = ca === 'platform' ? platformCa : processorCa
      const der = issueCertificate(
        {
          subject,
          subjectKey: key,
          serial,
          pathLength: undefined,
          crlUrl: pckCrlUrl(ca),
          extraExtensions: [extra],
          ...lifetime,
        },
        issuer,
      )
      return { der, serial, ca, issuer }
    },
  }
}

const prefix = 'Cloister Emulator'

// RFC 2606 reserves .invalid: nobody can serve revocation lists in the emulator's name.
const rootCrlUrl = 'https://emulator.cloister.invalid/sgx/certification/v4/rootcacrl'
const pckCrlUrl = (ca: PckCa): string =>
  `https://emulator.cloister.invalid/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`

// One lifetime for all, so that a root made from one seed is valid for every vector ever committed.
const lifetime = {
  notBefore: unixSeconds(Date.UTC(2025, 0, 1) / 1000),
  notAfter: unixSeconds(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000),
}

function serialOf(key: SigningKey): Bytes {
  return positive(keyIdentifier(key))
}

function positive(serial: Bytes): Bytes {
  const copy = serial.slice()
  copy[0] = ((copy[0] ?? 0) & 0x3f) | 0x40 // Twenty octets in DER, never negative, never zero.
  return copy
}
