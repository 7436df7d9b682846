export { appGovernance, appIdOf, checkManifest, isAppListed, listApp, type App } from './apps.ts'
export {
  assetContext,
  openAsset,
  openAssetStream,
  sealAsset,
  sealAssetStream,
  type AssetName,
  type AssetSecrets,
  type OpeningSecrets,
  type SealedAsset,
  type SealedSource,
} from './asset.ts'
export type { Chain } from './chain.ts'
export { readApprovals, type Approval } from './approvals.ts'
export { collectReceipt, type CollectOptions } from './collect-receipt.ts'
export { connect, type Client, type ConnectOptions, type Progress } from './client.ts'
export { explainTask, type ExplainedDraw, type TaskExplanation } from './explain.ts'
export { approvedUntil, grantFacts, grantUse, type GrantStanding } from './grant-standing.ts'
export {
  draftGrant,
  encodeSignedGrant,
  parseSignedGrant,
  revokeAll,
  revokeGrant,
  signDraft,
  signGrant,
  type GrantTerms,
  type PrivacyBudget,
  type SignedGrant,
} from './grants.ts'
export {
  appraiseKeeper,
  isAppraisedKeeper,
  type AppraisedKeeper,
  type KeeperDemand,
} from './keeper.ts'
export {
  chooseKeepers,
  pickKeepers,
  type ChosenKeepers,
  type KeeperCandidate,
} from './choose-keepers.ts'
export { balances, deposit, setPayoutChain, withdraw, type Balances } from './money.ts'
export { listNodes, type NodeOnChain } from './nodes.ts'
export {
  placeOrder,
  prepareOrder,
  type OrderTerms,
  type PlacedOrder,
  type PlaceOptions,
  type PreparedOrder,
} from './order.ts'
export { fetchOutput, openOutput, type FetchedOutput, type OpenedOutput } from './output.ts'
export { parseShareState, type ShareState } from './share-state.ts'
export { claimOnSpoke, type Claim } from './payout.ts'
export type { Fetch } from './peer.ts'
export { findReceipt, type FoundReceipt } from './posted-receipt.ts'
export {
  preflightOrder,
  type Candidate,
  type OrderProblem,
  type OrderToCheck,
  type Preflight,
} from './preflight.ts'
export {
  attachProvenance,
  checkProvenance,
  provenanceFactNames,
  type AttachProvenanceOptions,
  type DeviceData,
  type ProvenanceExpected,
  type ProvenanceFact,
  type ProvenanceFactName,
  type ProvenanceGiven,
} from './provenance.ts'
export {
  assetOnChain,
  registerAsset,
  signKeeperPolicy,
  type KeeperRule,
  type Registration,
} from './registry.ts'
export {
  approveOutput,
  listReviews,
  openForReview,
  type Review,
  type ReviewedOutput,
} from './review.ts'
export { createOpenAiProxy, type ProxyOptions, type ProxyRecord } from './proxy/openai-proxy.ts'
export {
  findSession,
  placeOfSession,
  type FindSessionOptions,
  type SessionPlace,
} from './session/find-session.ts'
export { openSession, orderSession, type OpenSessionOptions } from './session/open-session.ts'
export { InferenceSession, type SessionAnswer, type SessionRequest } from './session/session.ts'
export { UsageBook, type SeenExchange, type UsageTerms } from './session/usage-book.ts'
export {
  isVerifiedSession,
  verifySession,
  type SessionAttestation,
  type SessionDemand,
  type VerifiedSession,
} from './session/verify-session.ts'
export { sdkErrorCodes, type SdkErrorCode } from './sdk-error.ts'
export { SecretBytes } from './secret-bytes.ts'
export {
  isRegistered,
  shareAsset,
  resumeSharing,
  shareSealed,
  type KeeperAddress,
  type ShareAssetOptions,
  type ShareSealedOptions,
  type SharedAsset,
  type StoredObject,
} from './share-asset.ts'
export {
  depositShare,
  sealShare,
  type Deposit,
  type ShareAcknowledgement,
  type SignedKeeperPolicy,
} from './shares.ts'
export { readReplicas, type Replica } from './replicas.ts'
export {
  readTask,
  taskEvents,
  watchTask,
  type AttemptEnding,
  type PaidRole,
  type TaskEvent,
  type TaskState,
  type WatchOptions,
} from './task.ts'
export { nodeStore } from './node-store.ts'
export { fetchObject, fetchSealed, uploadObject, uploadSealed, type Upload } from './upload.ts'
export { generateEnvelopeKeyPair, serializeEnvelopePrivateKey } from '@cloister/seal'
export {
  encodeProvenanceRecord,
  encodeReceiptFile,
  parseProvenanceRecord,
  parseReceiptFile,
  verifyReceiptFile,
} from '@cloister/protocol'
export { assetUses, type AssetUse, type UsesOptions } from './asset-uses.ts'
export { eraseAsset, type Erasure, type KeeperErasure } from './erase-asset.ts'
export { usesColumns, usesCsv, usesJson, usesRow, type UsesRow } from './uses-report.ts'
export {
  sealFile,
  type FileSealState,
  type FileSink,
  type PickedFile,
  type SealedFile,
  type SealFileOptions,
  type SealStates,
  type WrappingKey,
} from './seal-file.ts'
export { openSealStates } from './seal-states.ts'
