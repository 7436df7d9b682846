import { encodeHex, unixSeconds, type Bytes } from '@cloister/codec'
import { issueCertificate, keyIdentifier, type Issuer, type Validity } from './certificate.ts'
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
  certifyPck(key: SigningKey, content: PckContent, validity?: Partial<Validity>): CertifiedPck
  /** Another certificate of an authority's or signer's key: the same but for its validity, where that is given. */
  certify(role: AuthorityRole, validity?: Partial<Validity>): CertifiedIssuer
}

/** A PCK certificate and which authority issued it. */
export type CertifiedPck = {
  readonly der: Bytes
  readonly serial: Bytes
  readonly ca: PckCa
}

/** Which authority certifies a machine. */
export type PckCa = 'platform' | 'processor'

/** An issuer with the certificate that names it. */
export type CertifiedIssuer = Issuer & {
  readonly key: SigningKey
  readonly serial: Bytes
  readonly der: Bytes
}

/** Authorities and signers of the tree. */
export type AuthorityRole = 'root' | 'platformCa' | 'processorCa' | 'tcbSigner'

/** Builds the tree from a seed. Every byte follows from it. */
export function createAuthority(seed: Uint8Array): Authority {
  const keys = {
    root: deriveSigningKey(seed, 'root'),
    platformCa: deriveSigningKey(seed, 'platform-ca'),
    processorCa: deriveSigningKey(seed, 'processor-ca'),
    tcbSigner: deriveSigningKey(seed, 'tcb-signer'),
  }
  const certify = (role: AuthorityRole, validity: Partial<Validity> = {}): CertifiedIssuer => {
    const { name, pathLength } = roles[role]
    const key = keys[role]
    const serial = serialOf(key)
    const content = { subject: name, subjectKey: key, serial, pathLength, crlUrl: rootCrlUrl }
    const issuer = { name: roles.root.name, key: keys.root }
    return {
      name,
      key,
      serial,
      der: issueCertificate({ ...content, ...lifetime, ...validity }, issuer),
    }
  }
  const standard = {
    root: certify('root'),
    platformCa: certify('platformCa'),
    processorCa: certify('processorCa'),
    tcbSigner: certify('tcbSigner'),
  }
  return {
    ...standard,
    certify: (role, validity) =>
      validity === undefined ? standard[role] : certify(role, validity),
    certifyPck: (key, content, validity = {}) => {
      const extra = pckExtension(content)
      const serial = positive(deriveBytes(seed, `serial/${encodeHex(sha256(extra))}`, 20))
      const subject = `${prefix} SGX PCK Certificate`
      const ca = content.platformInstanceId === undefined ? 'processor' : 'platform'
      const issuer = standard[`${ca}Ca`]
      const der = issueCertificate(
        {
          subject,
          subjectKey: key,
          serial,
          pathLength: undefined,
          crlUrl: pckCrlUrl(ca),
          extraExtensions: [extra],
          ...lifetime,
          ...validity,
        },
        issuer,
      )
      return { der, serial, ca }
    },
  }
}

const prefix = 'Cloister Emulator'

const roles: Readonly<
  Record<AuthorityRole, { readonly name: string; readonly pathLength: number | undefined }>
> = {
  root: { name: `${prefix} SGX Root CA`, pathLength: 1 },
  platformCa: { name: `${prefix} SGX PCK Platform CA`, pathLength: 0 },
  processorCa: { name: `${prefix} SGX PCK Processor CA`, pathLength: 0 },
  tcbSigner: { name: `${prefix} SGX TCB Signing`, pathLength: undefined },
}

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
