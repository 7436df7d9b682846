import type { Bytes } from '@cloister/codec'

/** Every kind of evidence that is appraised here. */
export const tees = [
  'sgx',
  'tdx',
  'sev-snp',
  'nvidia-gpu',
  'nvidia-nvswitch',
  'aws-nitro',
  'arm-cca',
  'arm-psa',
  'tpm2',
] as const

/** One of {@link tees}. */
export type Tee = (typeof tees)[number]

/** What a device signed, as it gave it out. Nothing here is trusted. */
export type Evidence =
  | SgxEvidence
  | TdxEvidence
  | SnpEvidence
  | NvidiaEvidence
  | NitroEvidence
  | CcaEvidence
  | PsaEvidence
  | TpmEvidence

/** A quote of version 3, or of version 4 or 5 with an enclave's body. */
export type SgxEvidence = { readonly tee: 'sgx'; readonly quote: Bytes }

/** A quote of version 4 or 5 with a TD's body. */
export type TdxEvidence = { readonly tee: 'tdx'; readonly quote: Bytes }

/** An attestation report of 1184 bytes. */
export type SnpEvidence = { readonly tee: 'sev-snp'; readonly report: Bytes }

/** What a GPU or an NVSwitch answered to GET_MEASUREMENTS, and its certificates. */
export type NvidiaEvidence = {
  readonly tee: 'nvidia-gpu' | 'nvidia-nvswitch'
  /** The request (37 bytes), then the response. */
  readonly measurements: Bytes
  /** PEM, from the device to the root. */
  readonly certificateChain: string
}

/** An attestation document: a COSE_Sign1, with or without its tag. */
export type NitroEvidence = { readonly tee: 'aws-nitro'; readonly document: Bytes }

/** A CCA token: platform and realm. */
export type CcaEvidence = { readonly tee: 'arm-cca'; readonly token: Bytes }

/** A PSA token: a COSE_Sign1 (or a COSE_Mac0, which nobody but its maker can verify). */
export type PsaEvidence = { readonly tee: 'arm-psa'; readonly token: Bytes }

/** A TPM's quote, and what it speaks of. */
export type TpmEvidence = {
  readonly tee: 'tpm2'
  /** TPMS_ATTEST. */
  readonly quote: Bytes
  /** TPMT_SIGNATURE, or the bare signature: RSA's number, or ECDSA's two integers in DER. */
  readonly signature: Bytes
  /** The attestation key that is said to have signed: SubjectPublicKeyInfo, or TPMT_PUBLIC. */
  readonly attestationKey?: Bytes
  /** PEM: the certificate of the attestation key, and those above it. */
  readonly certificateChain?: string
  /** Values by hash name (`sha256`) and index; the quote's digest says whether they are the TPM's. */
  readonly pcrs?: Readonly<Record<string, Readonly<Record<string, Bytes>>>>
  /** A TCG event log (crypto agile or SHA-1). */
  readonly eventLog?: Bytes
  /** Azure's blob that binds the attestation key to a hardware report. */
  readonly hcl?: Bytes
  /** The whole TDX quote of that hardware report; an SNP report stands in the blob. */
  readonly hardwareQuote?: Bytes
}
