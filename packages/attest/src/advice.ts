import type { ReasonCode } from './appraisal.ts'
import type { RejectCode } from './reject.ts'

/** What would have to change for evidence that was rejected so to be authentic. */
export function adviseReject(code: RejectCode): string {
  return rejectAdvice[code]
}

/** What would have to change for authentic evidence to be free of this reason. */
export function adviseReason(code: ReasonCode): string {
  return reasonAdvice[code]
}

const refetch = 'fetch collateral anew for this platform, and check that it reached you whole'
const forged = 'ask for a new quote; if it fails too, this one was altered or forged'
const clock = 'check the time that was given, then fetch collateral of that time'

const rejectAdvice: Readonly<Record<RejectCode, string>> = {
  PARSE: 'check that the quote reached you whole and unaltered, as the TEE wrote it',
  UNSUPPORTED_FORMAT: 'give a TDX quote of version 4 or 5 with a P-256 key',
  PCK_CERT_UNAVAILABLE: 'ask the machine for a quote that carries its PCK chain (type 5)',
  COLLATERAL_MISSING: refetch,
  CHAIN_INVALID: 'check that the certificates are those of the vendor, from leaf to root',
  UNTRUSTED_ROOT: 'pass the anchor of the root that you trust; a devnet has a root of its own',
  CHAIN_SIGNATURE: forged,
  CERT_EXPIRED_OR_NOT_YET_VALID: clock,
  CRL_MISSING: refetch,
  CRL_INVALID_OR_EXPIRED: clock,
  CERT_REVOKED: 'do not trust this machine: its vendor has revoked a key that this rests on',
  TCB_INFO_SIGNATURE: refetch,
  QE_IDENTITY_SIGNATURE: refetch,
  TCB_INFO_UNSUPPORTED: 'fetch TDX TCB info of version 3',
  QE_IDENTITY_UNSUPPORTED: 'fetch the TDX QE identity of version 2',
  TCB_INFO_NOT_YET_VALID: clock,
  TCB_INFO_EXPIRED: clock,
  QE_IDENTITY_NOT_YET_VALID: clock,
  QE_IDENTITY_EXPIRED: clock,
  QE_REPORT_SIGNATURE: forged,
  QE_REPORT_DATA: forged,
  QE_IDENTITY_MISMATCH: 'do not trust this machine: an unknown enclave signed its quote',
  QUOTE_SIGNATURE: forged,
  TCB_INFO_MISMATCH: "fetch TCB info for the platform's own FMSPC",
  TDX_MODULE_MISMATCH: 'fetch newer TCB info; if it fails too, the TDX module is not a genuine one',
  TCB_NOT_SUPPORTED: "update the machine's firmware: it is older than every TCB level",
}

const updateMachine = "update the machine's firmware and TDX module, then ask for a new quote"
const startAnew = 'start the TD without it, or allow it in the policy'

const reasonAdvice: Readonly<Record<ReasonCode, string>> = {
  CHAIN_ONLY: 'give collateral',
  MEASUREMENT: 'run software that the policy lists, or list this measurement',
  REPORT_DATA: 'ask for a quote over the report data that is expected',
  MACHINE: 'use a machine that the policy lists, or list this one',
  TCB_STATUS: updateMachine,
  SGX_TCB_REVOKED: updateMachine,
  ADVISORY: updateMachine,
  TCB_EVALUATION_DATA_NUMBER: 'fetch newer TCB info and QE identity',
  ROOT_CRL_NUMBER: 'fetch a newer revocation list of the root',
  PCK_CRL_NUMBER: 'fetch a newer revocation list of the PCK authority',
  DEBUG: startAnew,
  MIGRATABLE: startAnew,
  SERVICE_TD: startAnew,
  SEPT_VE_ENABLED: 'start the TD with SEPT_VE_DISABLE, or allow it in the policy',
  PKS: startAnew,
  KEY_LOCKER: startAnew,
  PERFMON: startAnew,
  RESERVED_ATTRIBUTES: 'start the TD without attributes that have no name here',
}
