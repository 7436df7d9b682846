import { MalformedError } from '@cloister/codec'

/**
 * Why evidence is not authentic: one closed list, in the order in which checks are made.
 * `docs/attestation.md` says what each one means.
 */
export const rejectCodes = [
  // Form.
  'PARSE',
  'UNSUPPORTED_FORMAT',
  'SYMMETRIC_TOKEN_NOT_SUPPORTED',
  'PCK_CERT_UNAVAILABLE',
  'COLLATERAL_MISSING',
  // Chains.
  'CHAIN_INVALID',
  'UNTRUSTED_ROOT',
  'CHAIN_SIGNATURE',
  'CERT_EXPIRED_OR_NOT_YET_VALID',
  'CERT_MISMATCH',
  // Revocation lists.
  'CRL_MISSING',
  'CRL_INVALID_OR_EXPIRED',
  'OCSP_INVALID_OR_EXPIRED',
  'CERT_REVOKED',
  // Collateral: signatures, then times.
  'TCB_INFO_SIGNATURE',
  'QE_IDENTITY_SIGNATURE',
  'TCB_INFO_UNSUPPORTED',
  'QE_IDENTITY_UNSUPPORTED',
  'TCB_INFO_NOT_YET_VALID',
  'TCB_INFO_EXPIRED',
  'QE_IDENTITY_NOT_YET_VALID',
  'QE_IDENTITY_EXPIRED',
  // The quoting enclave, then the evidence itself and what it is bound to.
  'QE_REPORT_SIGNATURE',
  'QE_REPORT_DATA',
  'QE_IDENTITY_MISMATCH',
  'QUOTE_SIGNATURE',
  'REPORT_SIGNATURE',
  'REALM_PLATFORM_BINDING',
  'AK_BINDING',
  'PCR_DIGEST',
  // TCB.
  'TCB_INFO_MISMATCH',
  'TDX_MODULE_MISMATCH',
  'TCB_NOT_SUPPORTED',
] as const

/** One of {@link rejectCodes}. */
export type RejectCode = (typeof rejectCodes)[number]

/** Evidence in a format that exists, but that is not judged here. */
export class UnsupportedFormatError extends MalformedError {
  /** How a refusal names it. */
  readonly reject: 'UNSUPPORTED_FORMAT' | 'SYMMETRIC_TOKEN_NOT_SUPPORTED'

  constructor(
    field: string,
    offset: number,
    detail: string,
    reject: UnsupportedFormatError['reject'] = 'UNSUPPORTED_FORMAT',
  ) {
    super(field, offset, detail)
    this.reject = reject
  }
}

/** Carries a refusal out of nested checks. Caught where the appraisal is made: it never leaves. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** What is wrong. */
  readonly reject: RejectCode
  /** Which object is wrong, and how. */
  readonly where: string

  constructor(reject: RejectCode, where: string, options?: ErrorOptions) {
    super(`${reject}: ${where}`, options)
    this.reject = reject
    this.where = where
  }
}

/** Refuses unless `holds`; `where` is a function where making the text costs something. @throws {Refusal} where it does not. */
export function refuseUnless(
  holds: boolean,
  reject: RejectCode,
  where: string | (() => string),
): asserts holds {
  if (!holds) throw new Refusal(reject, typeof where === 'string' ? where : where())
}

/**
 * What `read` gives; malformed input becomes a refusal that says where.
 *
 * @throws {Refusal} with `reject`, or with the code that an {@link UnsupportedFormatError} names.
 */
export function malformedAs<T>(reject: RejectCode, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    const code = cause instanceof UnsupportedFormatError ? cause.reject : reject
    throw new Refusal(code, cause.message, { cause })
  }
}
