/** Names of all reasons that a policy can have against authentic evidence: one closed list. */
export const reasonCodes = [
  // Of every kind of evidence.
  'CHAIN_ONLY',
  'MEASUREMENT',
  'REPORT_DATA',
  'MACHINE',
  'TIER',
  'PRODUCT_LINE',
  'REVOCATION_UNKNOWN',
  'ENDORSEMENT',
  'DEBUG',
  // Intel.
  'TCB_STATUS',
  'SGX_TCB_REVOKED',
  'ADVISORY',
  'TCB_EVALUATION_DATA_NUMBER',
  'ROOT_CRL_NUMBER',
  'PCK_CRL_NUMBER',
  'MIGRATABLE',
  'SERVICE_TD',
  'SEPT_VE_ENABLED',
  'PKS',
  'KEY_LOCKER',
  'PERFMON',
  'RESERVED_ATTRIBUTES',
  'PROVISION_KEY',
  'PCK_CERT_UNAVAILABLE',
  'MRSIGNER',
  'ISV_PROD_ID',
  'ISV_SVN',
  'CONFIG_ID',
  // AMD.
  'MIN_TCB',
  'TCB_ORDER',
  'VLEK',
  'VMPL',
  'MIGRATION_AGENT',
  'SMT',
  'ALIAS_CHECK',
  'RESERVED_POLICY',
  'POLICY_ABI',
  'ID_KEY',
  // NVIDIA.
  'RIM_MISSING',
  'RIM_INVALID',
  'RIM_EXPIRED',
  'RIM_MISMATCH',
  'GPU_MODE',
  'FIRMWARE_ID',
  // Nitro.
  'DOCUMENT_AGE',
  // Arm and TPM.
  'LIFECYCLE',
  'INSTANCE_ID',
  'WEAK_HASH',
  'PCR_MISSING',
  'AK_ATTRIBUTES',
  'EVENT_LOG',
  'HARDWARE',
] as const

/** One of {@link reasonCodes}. */
export type ReasonCode = (typeof reasonCodes)[number]

/** One thing that a policy has against authentic evidence. */
export type Reason = {
  readonly code: ReasonCode
  readonly detail: string
  readonly actual: string
  readonly expected: string
}

/** A reason, unless what is wanted holds. */
export function unless(
  holds: boolean,
  code: ReasonCode,
  detail: string,
  actual: string,
  expected: string,
): readonly Reason[] {
  return holds ? [] : [{ code, detail, actual, expected }]
}

/** A reason, unless `actual` is on a list of accepted values (hexadecimal in either case, `0x` or not). */
export function unlessListed(
  code: ReasonCode,
  detail: string,
  actual: string | undefined,
  accepted: readonly string[] | 'any',
): readonly Reason[] {
  const holds = accepted === 'any' || accepted.some((value) => lowerHex(value) === actual)
  return unless(holds, code, detail, actual ?? 'none', listed(accepted))
}

/** A reason, unless `actual` is at least `least`. */
export function unlessReached(
  code: ReasonCode,
  detail: string,
  actual: number,
  least: number,
): readonly Reason[] {
  // Spelled so that a least number which is no number refuses.
  return unless(actual >= least, code, detail, String(actual), `at least ${least}`)
}

/** A reason, where something is set that has to be allowed. */
export function whereSet(
  code: ReasonCode,
  detail: string,
  set: boolean,
  allowed: boolean,
): readonly Reason[] {
  return unless(!set || allowed, code, detail, 'set', 'not set')
}

/** A list in words. */
export function listed(accepted: readonly string[] | 'any'): string {
  return accepted === 'any' ? 'any' : accepted.join(', ') || 'none'
}

/** Hexadecimal without prefix, in lower case. */
export function lowerHex(value: string): string {
  return (value.startsWith('0x') ? value.slice(2) : value).toLowerCase()
}
