export { adviseReason, adviseReject } from './advice.ts'
export {
  anchorName,
  anchorSpkiSha256,
  insecureDevnetAnchor,
  productionAnchor,
  type Anchor,
  type DevnetAnchor,
  type ProductionAnchor,
} from './anchors.ts'
export {
  appraisalDigest,
  encodeAppraisal,
  isAccepted,
  reasonCodes,
  type Appraisal,
  type Evidence,
  type Given,
  type Reason,
  type ReasonCode,
} from './appraisal.ts'
export { appraise, createAppraiser, type Appraiser } from './appraise.ts'
export { describeAppraisal } from './describe.ts'
export type { Claims } from './claims.ts'
export { parseCollateral, type Collateral } from './collateral.ts'
export type { ComponentStatus, TcbStatus } from './dcap/tcb-status.ts'
export { policyDigest, strictPolicy, type Policy } from './policy.ts'
export { rejectCodes, type RejectCode } from './reject.ts'
export type { TdAttributes } from './tdx/attributes.ts'
export { intelMachineId, tdxMeasurement } from './tdx/claims.ts'
export {
  parseTdxQuote,
  UnsupportedFormatError,
  type TdReport,
  type TdxQuote,
  type TdxQuoteHeader,
} from './tdx/parse.ts'
