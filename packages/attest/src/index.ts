// Evidence in, an appraisal out.
export {
  tees,
  type CcaEvidence,
  type Evidence,
  type NitroEvidence,
  type NvidiaEvidence,
  type PsaEvidence,
  type SgxEvidence,
  type SnpEvidence,
  type TdxEvidence,
  type Tee,
  type TpmEvidence,
} from './evidence.ts'
export { detectTee, evidenceBytesMax, evidenceFormat } from './detect.ts'
export { parseEvidence } from './parse-evidence.ts'
export { appraiseChainOnly } from './chain-only.ts'
export { appraise, createAppraiser, type Appraiser } from './appraise.ts'
export {
  appraisalDigest,
  encodeAppraisal,
  isAccepted,
  type AcceptedAppraisal,
  type Appraisal,
  type AuthenticAppraisal,
  type Given,
  type RejectedAppraisal,
} from './appraisal.ts'
export { describeAppraisal } from './describe.ts'
export type { Claims, ClaimsByTee, CommonClaims } from './claims.ts'
export { tierOf } from './judge-claims.ts'
export {
  policyDigest,
  strictPolicy,
  type MachineList,
  type Policy,
  type PolicyOverrides,
  type Tier,
} from './policy.ts'
export { parseProductLine } from './product-line.ts'
export { reasonCodes, type Reason, type ReasonCode } from './reasons.ts'
export { rejectCodes, UnsupportedFormatError, type RejectCode } from './reject.ts'
export { adviseReason, adviseReject } from './advice.ts'

// Whom to trust, and what vendors say about their machines.
export {
  anchorName,
  anchorSpkiSha256,
  deviceKeyAnchor,
  insecureDevnetAnchor,
  productionAnchor,
  productionAnchors,
  type Anchor,
  type DeviceKeyAnchor,
  type DeviceKeyTee,
  type DevnetAnchor,
  type ProductionAnchor,
  type ProductionAnchorName,
} from './anchors.ts'
export { parseAnchorFile, type AnchorFile } from './anchor-file.ts'
export {
  deviceKeysOf,
  deviceKeySha256,
  encodeDeviceKey,
  parseDeviceKey,
  type DeviceKey,
} from './device-key.ts'
export {
  collateralCharacters,
  collateralCharactersMax,
  encodeCollateral,
  parseCollateral,
  type AmdCollateral,
  type Collateral,
  type NvidiaCollateral,
} from './collateral.ts'
export { readIntelCollateral, type IntelCollateral } from './dcap/collateral-documents.ts'
export { amdNeeds, type AmdKeyName } from './needs/amd.ts'
export {
  intelNeeds,
  intelPlatformOf,
  withPckChain,
  type IntelPlatformName,
  type PckName,
} from './needs/intel.ts'
export { deviceCertificates, manifestCertificates } from './needs/nvidia.ts'
export { hardwareBelow } from './needs/tpm.ts'
export {
  compareTcbRecovery,
  type Recovery,
  type RecoveryForecast,
  type RecoveryTimes,
  type TcbStanding,
} from './recovery/compare.ts'

// Each kind of evidence by itself: whoever imports one pays for no other.
export { intelMachineId } from './dcap/claims.ts'
export type { ComponentStatus, TcbStatus } from './dcap/tcb-status.ts'
export { appraiseSgx } from './sgx/appraise.ts'
export { parseSgxQuote, type SgxQuote } from './sgx/parse.ts'
export type { EnclaveAttributes } from './sgx/attributes.ts'
export { sgxMeasurement, type SgxClaims } from './sgx/claims.ts'
export { appraiseTdx } from './tdx/appraise.ts'
export { parseTdxQuote, type TdReport, type TdxQuote, type TdxQuoteHeader } from './tdx/parse.ts'
export type { TdAttributes } from './tdx/attributes.ts'
export { tdxMeasurement, type TdxClaims } from './tdx/claims.ts'
export { appraiseSnp } from './snp/appraise.ts'
export {
  parseSnpReport,
  type FirmwareVersion,
  type ReportVersion,
  type SnpReport,
} from './snp/parse.ts'
export type { SnpGuestPolicy, SnpPlatformInfo } from './snp/bits.ts'
export type { ProductLine } from './snp/product.ts'
export type { SnpTcb } from './snp/tcb.ts'
export { amdMachineId, snpMeasurement, type SnpClaims } from './snp/claims.ts'
export type { SnpPolicy } from './snp/policy.ts'
export { appraiseNvidia } from './nvidia/appraise.ts'
export {
  parseMeasurementReport,
  type MeasurementBlock,
  type MeasurementReport,
} from './nvidia/parse.ts'
export type { GpuMode } from './nvidia/opaque.ts'
export type { NvidiaClaims, RimClaim } from './nvidia/claims.ts'
export type { NvidiaPolicy } from './nvidia/policy.ts'
export {
  deviceSetCodes,
  judgeDeviceSet,
  type DeviceCounts,
  type DeviceSetReason,
} from './nvidia/device-set.ts'
export { appraiseNitro } from './nitro/appraise.ts'
export { parseNitroDocument, type NitroDocument } from './nitro/parse.ts'
export { nitroMeasurement, type NitroClaims } from './nitro/claims.ts'
export { appraiseCca } from './cca/appraise.ts'
export { parseCcaToken, type CcaToken, type PlatformToken, type RealmToken } from './cca/parse.ts'
export { ccaMeasurement, type CcaClaims } from './cca/claims.ts'
export { appraisePsa } from './psa/appraise.ts'
export { parsePsaToken, type PsaToken } from './psa/parse.ts'
export { psaMeasurement, type PsaClaims } from './psa/claims.ts'
export { appraiseTpm } from './tpm/appraise.ts'
export { parseTpmQuote, type TpmQuote } from './tpm/parse.ts'
export { tpmMeasurement, type TpmClaims } from './tpm/claims.ts'
export type { TpmPolicy } from './tpm/policy.ts'
export { parseEventLog, type EventLog, type LoggedEvent } from './tpm/event-log.ts'
export { parseHclBlob, type HclBlob } from './tpm/hcl.ts'

// Several devices as one session.
export {
  appraiseSession,
  cpuEvidenceBytes,
  gpuNonce,
  type Session,
  type SessionAppraisal,
  type SessionGiven,
} from './session.ts'
export {
  judgeSession,
  sessionReasonCodes,
  type SessionMembers,
  type SessionPart,
  type SessionReason,
  type SessionReasonCode,
} from './session-reasons.ts'

// What others read: EAT Attestation Results.
export {
  createEar,
  earProfile,
  type EarClaims,
  type EarInput,
  type EarSubmod,
} from './ear/claims.ts'
export { parseEarClaims, type ReadEar, type ReadSubmod } from './ear/parse.ts'
export { earSigner, type EarAlgorithm, type EarKey, type EarSigner } from './ear/signature.ts'
export { earFaults, signEar, verifyEar, type EarFault, type VerifiedEar } from './ear/token.ts'
export {
  reasonVectors,
  rejectVectors,
  sessionVectors,
  trustTiers,
  vectorMembers,
  type TrustTier,
  type TrustVector,
  type VectorMember,
} from './ear/vector.ts'

// A device vouches for data that it made.
export { appraiseProvenance, provenanceNonce, type ProvenanceEvidence } from './provenance.ts'

// What callers of the above need to name: bytes, times, and what is thrown for text and bytes out of their format.
export { MalformedError, unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
