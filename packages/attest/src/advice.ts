import type { ReasonCode } from './reasons.ts'
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
const forged = 'ask for new evidence; if it fails too, this one was altered or forged'
const clock = 'check the time that was given, then fetch collateral of that time'

const rejectAdvice: Readonly<Record<RejectCode, string>> = {
  PARSE: 'check that the evidence reached you whole and unaltered, as the device wrote it',
  UNSUPPORTED_FORMAT:
    'give evidence in one of the formats that are read: docs/attestation.md lists them',
  SYMMETRIC_TOKEN_NOT_SUPPORTED:
    'ask for a token with a signature (COSE_Sign1): only its maker can verify one with a MAC',
  PCK_CERT_UNAVAILABLE:
    'give the PCK chain with the collateral, or ask the machine for a quote that carries it (type 5)',
  COLLATERAL_MISSING:
    'give the documents or keys that lie beside it (name the folder, or --collateral), or fetch them',
  CHAIN_INVALID: 'check that the certificates are those of the vendor, from leaf to root',
  UNTRUSTED_ROOT: 'pass the anchor of the root that you trust; a devnet has a root of its own',
  CHAIN_SIGNATURE:
    'give the certificates of this very machine and product line; if they are, evidence or chain is forged',
  CERT_EXPIRED_OR_NOT_YET_VALID:
    'check the time that was given (Unix seconds); for what was recorded give the time of its making',
  CERT_MISMATCH: 'give the certificate of this very device and of the TCB that it reports',
  CRL_MISSING: refetch,
  CRL_INVALID_OR_EXPIRED:
    'give the list that the issuer itself signed, of the time that was given; fetch it anew',
  OCSP_INVALID_OR_EXPIRED: 'ask the vendor for a new OCSP answer',
  CERT_REVOKED: 'do not trust this machine: its vendor has revoked a key that this rests on',
  TCB_INFO_SIGNATURE: refetch,
  QE_IDENTITY_SIGNATURE: refetch,
  TCB_INFO_UNSUPPORTED: 'fetch TCB info of version 3 for this technology',
  QE_IDENTITY_UNSUPPORTED: 'fetch the QE identity of version 2 for this technology',
  TCB_INFO_NOT_YET_VALID: clock,
  TCB_INFO_EXPIRED: clock,
  QE_IDENTITY_NOT_YET_VALID: clock,
  QE_IDENTITY_EXPIRED: clock,
  QE_REPORT_SIGNATURE: forged,
  QE_REPORT_DATA: forged,
  QE_IDENTITY_MISMATCH: 'do not trust this machine: an unknown enclave signed its quote',
  QUOTE_SIGNATURE: forged,
  REPORT_SIGNATURE: forged,
  REALM_PLATFORM_BINDING: 'ask for a new token: this realm was not started on this platform',
  AK_BINDING: 'give the attestation key that the hardware report names',
  PCR_DIGEST: 'give the PCR values that were quoted, all of them and no others',
  TCB_INFO_MISMATCH: "fetch TCB info for the platform's own FMSPC",
  TDX_MODULE_MISMATCH: 'fetch newer TCB info; if it fails too, the TDX module is not a genuine one',
  TCB_NOT_SUPPORTED: "update the machine's firmware: it is older than every TCB level",
}

const updateMachine = "update the machine's firmware and modules, then ask for new evidence"

/** What to do about something that the policy can allow by `member`. */
function startAnew(member: string): string {
  return `start it without that, or allow it (${member})`
}

const reasonAdvice: Readonly<Record<ReasonCode, string>> = {
  CHAIN_ONLY: 'give collateral',
  MEASUREMENT:
    'run software that the policy lists, or list its measurement (measurements; for what lies below a TPM tpm.hardwareMeasurements)',
  REPORT_DATA: 'ask for evidence over the report data that is expected',
  MACHINE: 'use a machine that the policy lists, or list this one (machineIds)',
  TIER: 'use a machine that is on a list of this tier, or lower the least tier (minTier)',
  PRODUCT_LINE:
    'use another product line; or allow this one (deniedProductLines, allowExtractableKeys)',
  REVOCATION_UNKNOWN:
    "give the vendor's current list or OCSP answer, where one is read for this kind; or allow that it is not known (allowUnknownRevocation)",
  ENDORSEMENT:
    "pin the device's key: pass an anchor for it (allowSuppliedKeys lets any key through)",
  DEBUG: 'start it without debugging, or allow it (allowDebug)',
  TCB_STATUS: `${updateMachine}; or allow the status (tcbStatuses) or some time to update (graceSeconds)`,
  SGX_TCB_REVOKED: updateMachine,
  ADVISORY: `${updateMachine}; or allow the advisory by its id (advisories)`,
  TCB_EVALUATION_DATA_NUMBER: 'fetch newer TCB info and QE identity',
  ROOT_CRL_NUMBER: 'fetch a newer revocation list of the root',
  PCK_CRL_NUMBER: 'fetch a newer revocation list of the PCK authority',
  MIGRATABLE: startAnew('tdx.allowMigratable'),
  SERVICE_TD: startAnew('tdx.allowServiceTd'),
  SEPT_VE_ENABLED: 'start the TD with SEPT_VE_DISABLE, or allow it (tdx.allowSeptVeEnabled)',
  PKS: startAnew('tdx.allowPks'),
  KEY_LOCKER: startAnew('tdx.allowKeyLocker'),
  PERFMON: startAnew('tdx.allowPerfmon'),
  RESERVED_ATTRIBUTES: 'start it without attributes that have no name here',
  PROVISION_KEY: startAnew('sgx.allowProvisionKey'),
  PCK_CERT_UNAVAILABLE: "give the machine's PCK chain with the collateral",
  MRSIGNER: 'run an enclave of a signer that the policy lists, or list this one',
  ISV_PROD_ID: 'run a product that the policy lists, or list this one',
  ISV_SVN: 'run a newer version of the enclave',
  CONFIG_ID: 'start the enclave with a configuration that the policy lists, or list this one',
  MIN_TCB: `${updateMachine}; or want less (snp.minTcb)`,
  TCB_ORDER: updateMachine,
  VLEK: 'ask for a report signed by a VCEK, or allow the VLEK, which names no chip (snp.allowVlek)',
  VMPL: 'ask for a report from a level that the policy allows (snp.vmplMax)',
  MIGRATION_AGENT: startAnew('snp.allowMigrationAgent'),
  SMT: 'start the guest with a policy that excludes SMT, or allow it (snp.allowSmt)',
  ALIAS_CHECK:
    "update the machine's firmware so that it checks memory for aliases, or do without (snp.requireAliasCheck)",
  RESERVED_POLICY: 'start the guest without policy bits that have no name here',
  POLICY_ABI: 'start the guest with a policy that demands a newer firmware interface',
  ID_KEY: 'start the guest with an identity block signed by a key that the policy lists',
  RIM_MISSING: 'fetch the reference manifests of this driver and VBIOS',
  RIM_INVALID: 'fetch the reference manifests anew: what was given is not signed by their vendor',
  RIM_EXPIRED: 'fetch the reference manifests anew',
  RIM_MISMATCH:
    'reset the device, or update its driver and VBIOS: it runs something else than its manifests say',
  GPU_MODE: 'switch confidential computing on and developer tools off (nvidia-smi conf-compute)',
  FIRMWARE_ID:
    'update the firmware of the device, so that it reports the identity in its certificate',
  DOCUMENT_AGE: 'ask the enclave for a new document, and check the time that was given',
  LIFECYCLE:
    'use a device in its secured state: this one can be opened or is not provisioned (arm.allowUnsecuredLifecycle)',
  INSTANCE_ID:
    'check which device this is: its instance id is not the digest of its key (arm.requireInstanceIdOfKey)',
  WEAK_HASH: 'quote a SHA-256 bank with SHA-256, or allow SHA-1 in the policy',
  PCR_MISSING: 'give the values of the PCRs that the policy names',
  AK_ATTRIBUTES:
    'use an attestation key that is restricted to signing and fixed to its TPM (tpm2_createak makes one)',
  EVENT_LOG: 'give the event log of this very boot, whole',
  HARDWARE: 'give the hardware report below this TPM, and the documents that it is judged by',
}
