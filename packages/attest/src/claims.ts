import type { CcaClaims } from './cca/claims.ts'
import type { TcbStatus } from './dcap/tcb-status.ts'
import type { Tee } from './evidence.ts'
import type { NitroClaims } from './nitro/claims.ts'
import type { NvidiaClaims } from './nvidia/claims.ts'
import type { PsaClaims } from './psa/claims.ts'
import type { SgxClaims } from './sgx/claims.ts'
import type { SnpClaims } from './snp/claims.ts'
import type { TdxClaims } from './tdx/claims.ts'
import type { TpmClaims } from './tpm/claims.ts'

/**
 * What all authentic evidence says in one form. Bytes are lower-case hexadecimal.
 *
 * Each kind of evidence adds its own fields, under its specification's names.
 */
export type CommonClaims = {
  readonly tee: Tee
  /** The format of the evidence and its version, such as `intel-dcap-quote-v4-tdx`. */
  readonly format: string
  /** Which anchor the evidence chains to: a vendor root's name, or the kind of anchor and its key's digest. */
  readonly anchor: string
  /** Which line of products the machine is of, as deny lists name it: `Milan`, `Genoa`, `00806f050000` (an FMSPC). */
  readonly productLine: string
  /** Names one machine for ever. Absent where the evidence names none: Nitro, VLEK, masked chips, Arm. */
  readonly machineId?: string
  /** One digest (32 bytes) of what runs: each kind of evidence says of which registers. */
  readonly measurement: string
  /** What the TEE was given to sign: report data, nonce or challenge, in its own length. */
  readonly reportData: string
  /** Whether somebody outside can look into it. Null where the evidence has no word on that: GPUs, and TPMs alone. */
  readonly debug: boolean | null
  /**
   * `good`: a current list of the vendor's was looked at. `not-checked`: none was given, or none exists for this
   * kind (Nitro, Arm tokens and TPMs). A revoked key makes evidence not authentic.
   */
  readonly revocation: 'good' | 'not-checked'
  /** `supplied`: the device's key came with its evidence, and nothing that is trusted vouches for it. */
  readonly endorsement: 'pinned' | 'supplied'
  /** The vendor's word on how current the machine is. Intel alone gives one. */
  readonly tcbStatus?: TcbStatus
  readonly advisoryIds?: readonly string[]
  readonly tcbEvaluationDataNumber?: number
}

/** The claims of each kind of evidence. */
export type ClaimsByTee = {
  readonly sgx: SgxClaims
  readonly tdx: TdxClaims
  readonly 'sev-snp': SnpClaims
  readonly 'nvidia-gpu': NvidiaClaims
  readonly 'nvidia-nvswitch': NvidiaClaims
  readonly 'aws-nitro': NitroClaims
  readonly 'arm-cca': CcaClaims
  readonly 'arm-psa': PsaClaims
  readonly tpm2: TpmClaims
}

/** What authentic evidence says, and what its vendor says about the machine. `tee` tells which kind. */
export type Claims = ClaimsByTee[Tee]
