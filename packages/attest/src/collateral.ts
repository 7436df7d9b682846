import { MalformedError, parseJson, type Json } from '@cloister/codec'

/** Intel's documents that a quote is judged by, as its services send them. Nothing here is trusted. */
export type Collateral = {
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
}

/** Most characters that all of one collateral may have together. */
export const collateralCharactersMax = 4 * 1024 * 1024

/** Each member, and its name in files that spell with underscores. */
const names: Readonly<Record<keyof Collateral, string>> = {
  tcbInfo: 'tcb_info',
  tcbInfoSignature: 'tcb_info_signature',
  tcbInfoIssuerChain: 'tcb_info_issuer_chain',
  qeIdentity: 'qe_identity',
  qeIdentitySignature: 'qe_identity_signature',
  qeIdentityIssuerChain: 'qe_identity_issuer_chain',
  rootCaCrl: 'root_ca_crl',
  pckCrl: 'pck_crl',
  pckCrlIssuerChain: 'pck_crl_issuer_chain',
}

/**
 * Reads collateral from JSON: one object of texts, its members spelled `tcbInfo` or `tcb_info`.
 *
 * @throws {MalformedError} naming the member that is absent, given twice or no text.
 */
export function parseCollateral(text: string): Collateral {
  const limits = { charactersMax: collateralCharactersMax, depthMax: 4 }
  const value = parseJson(text, 'collateral', limits)
  return {
    tcbInfo: member(value, 'tcbInfo'),
    tcbInfoSignature: member(value, 'tcbInfoSignature'),
    tcbInfoIssuerChain: member(value, 'tcbInfoIssuerChain'),
    qeIdentity: member(value, 'qeIdentity'),
    qeIdentitySignature: member(value, 'qeIdentitySignature'),
    qeIdentityIssuerChain: member(value, 'qeIdentityIssuerChain'),
    rootCaCrl: member(value, 'rootCaCrl'),
    pckCrl: member(value, 'pckCrl'),
    pckCrlIssuerChain: member(value, 'pckCrlIssuerChain'),
  }
}

/** How many characters all members have together. */
export function collateralCharacters(collateral: Collateral): number {
  return Object.values(collateral).reduce((sum, text) => sum + text.length, 0)
}

function member(value: Json, key: keyof Collateral): string {
  if (typeof value !== 'object' || value === null || isList(value))
    throw new MalformedError('collateral', 0, 'expected an object')
  const given = [key, names[key]].filter((name) => Object.hasOwn(value, name))
  const [name] = given
  if (name === undefined) throw new MalformedError(`collateral ${key}`, 0, 'absent')
  if (given.length > 1) throw new MalformedError(`collateral ${key}`, 0, 'given in both spellings')
  const found = value[name]
  if (typeof found !== 'string')
    throw new MalformedError(`collateral ${name}`, 0, 'expected a text')
  return found
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
