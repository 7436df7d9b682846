import { MalformedError, type Json } from '@cloister/codec'

/** Intel's documents that a quote is judged by, as its services send them. Nothing here is trusted. */
export type IntelCollateral = {
  /** The exact signed text of `tcbInfo`, and its signature: r then s, hexadecimal. */
  readonly tcbInfo: string
  readonly tcbInfoSignature: string
  /** PEM: the signer, then the root. */
  readonly tcbInfoIssuerChain: string
  /** The exact signed text of `enclaveIdentity`, and its signature: r then s, hexadecimal. */
  readonly qeIdentity: string
  readonly qeIdentitySignature: string
  /** PEM: the signer, then the root. */
  readonly qeIdentityIssuerChain: string
  /** DER in hexadecimal: the root's revocation list, and that of the PCK certificate's issuer. */
  readonly rootCaCrl: string
  readonly pckCrl: string
  /** PEM: the PCK certificate's issuer, then the root. */
  readonly pckCrlIssuerChain: string
  /** PEM: the PCK certificate, its issuer, the root. For quotes that only name their platform (types 1 and 3). */
  readonly pckCertificateChain?: string
}

type Required = Exclude<keyof IntelCollateral, 'pckCertificateChain'>

/** Each member, and its name in files that spell with underscores. */
const names: Readonly<Record<keyof IntelCollateral, string>> = {
  tcbInfo: 'tcb_info',
  tcbInfoSignature: 'tcb_info_signature',
  tcbInfoIssuerChain: 'tcb_info_issuer_chain',
  qeIdentity: 'qe_identity',
  qeIdentitySignature: 'qe_identity_signature',
  qeIdentityIssuerChain: 'qe_identity_issuer_chain',
  rootCaCrl: 'root_ca_crl',
  pckCrl: 'pck_crl',
  pckCrlIssuerChain: 'pck_crl_issuer_chain',
  pckCertificateChain: 'pck_certificate_chain',
}

/**
 * Reads Intel's documents out of an object of texts, its members spelled `tcbInfo` or `tcb_info`.
 *
 * @throws {MalformedError} naming the member that is absent, given twice or no text.
 */
export function readIntelCollateral(value: Readonly<Record<string, Json>>): IntelCollateral {
  const required = (key: Required): string => {
    const found = member(value, key)
    if (found === undefined) throw new MalformedError(`collateral ${key}`, 0, 'absent')
    return found
  }
  const pckCertificateChain = member(value, 'pckCertificateChain')
  return {
    tcbInfo: required('tcbInfo'),
    tcbInfoSignature: required('tcbInfoSignature'),
    tcbInfoIssuerChain: required('tcbInfoIssuerChain'),
    qeIdentity: required('qeIdentity'),
    qeIdentitySignature: required('qeIdentitySignature'),
    qeIdentityIssuerChain: required('qeIdentityIssuerChain'),
    rootCaCrl: required('rootCaCrl'),
    pckCrl: required('pckCrl'),
    pckCrlIssuerChain: required('pckCrlIssuerChain'),
    ...(pckCertificateChain !== undefined && { pckCertificateChain }),
  }
}

function member(
  value: Readonly<Record<string, Json>>,
  key: keyof IntelCollateral,
): string | undefined {
  const given = [key, names[key]].filter((name) => Object.hasOwn(value, name))
  const [name] = given
  if (name === undefined) return undefined
  if (given.length > 1) throw new MalformedError(`collateral ${key}`, 0, 'given in both spellings')
  const found = value[name]
  if (typeof found !== 'string')
    throw new MalformedError(`collateral ${name}`, 0, 'expected a text')
  return found
}
