export { appFactsOf, type AppFacts } from './app-facts.ts'
export {
  policyForGrants,
  releaseKeysOf,
  type CollateralFloor,
  type ExpectedEvidence,
  type ReleaseApproval,
} from './attest-policy.ts'
export {
  reportData,
  type AttemptBinding,
  type BindingName,
  type KeepBinding,
  type NodeBinding,
} from './bindings.ts'
export {
  accountProofField,
  bundleField,
  chainProofsField,
  encodeBundle,
  parseBundle,
  publicKeyBytes,
  signedReleaseField,
  type AccountProof,
  type Bundle,
  type ChainProofs,
  type SignedRelease,
} from './bundle.ts'
export {
  cellValue,
  chainCells,
  type ContractName,
  type StorageCell,
  type StructCells,
  type StructName,
} from './chain-cells.ts'
export {
  checkCommittee,
  committeeSetField,
  followHandovers,
  handoverField,
  quorum,
  sortSignatures,
  verifyQuorum,
  type CommitteeSet,
  type FollowResult,
  type Handover,
  type QuorumResult,
} from './committee.ts'
export {
  contractsField,
  deploymentDomain,
  deploymentField,
  encodeDeployment,
  parseDeployment,
  type Contracts,
  type Deployment,
} from './deployment.ts'
export { describeGrant, sayDelta, sayEpsilon, sayTokens, type KnownApps } from './describe-grant.ts'
export {
  cloisterDomain,
  deploymentOf,
  messageDigest,
  recoverSigner,
  typedData,
  type Domain,
} from './digest.ts'
export {
  drawPoint,
  drawSeed,
  drawTriesMax,
  entryAt,
  explainDraw,
  skipReason,
  type DrawDemand,
  type DrawExplanation,
  type PoolEntry,
  type SkipReason,
} from './draw.ts'
export {
  federationNoteBytesMax,
  federationNoteDigest,
  federationNoteField,
  federationNoteKinds,
  isSignedFederationNote,
  type FederationNote,
  type FederationNoteKind,
  type UnsignedFederationNote,
} from './federation-note.ts'
export {
  addressField,
  booleanField,
  bytes32Field,
  decimalField,
  hexBetween,
  hexField,
  integerField,
  jsonField,
  listField,
  membersOf,
  objectField,
  oneOf,
  orNull,
  parseField,
  signatureField,
  textField,
  urlField,
  type Field,
  type FieldValue,
} from './fields.ts'
export {
  createFrameParser,
  encodeFrame,
  type Frame,
  type FrameLimits,
  type FrameParser,
} from './frames.ts'
export { storageStructs, storageVariables } from './generated/storage.ts'
export { checkGrant, checkKeeperPolicy, deltaPicosEnd, grantVersion } from './grant-form.ts'
export {
  decideGrant,
  otherOwners,
  type GrantDecision,
  type GrantFacts,
  type GrantNode,
  type GrantRequest,
  type GrantStage,
  type GrantUse,
} from './grants.ts'
export { parseHeader, parseHeaderChain, type HeadBlock, type Header } from './header.ts'
export {
  appId,
  assetId,
  attemptNonce,
  compareHex,
  digestOf,
  grantsRoot,
  inputsRoot,
  keepersHash,
  keyHash,
  machineId,
  membersHash,
  releasesRoot,
  sameHex,
  sharesHash,
  sortAddresses,
  sortKeepers,
  replicaTask,
  taskId,
  tdxMeasurement,
  zeroHash,
  type AssetShares,
  type TdxRegisters,
} from './ids.ts'
export {
  deliveryDigest,
  erasureAckDigest,
  erasureDigest,
  erasureTypedData,
  witnessDigest,
  type Delivery,
  type ErasureAck,
  type ShareErasure,
  type Witness,
} from './keeper-messages.ts'
export { limits } from './limits.ts'
export {
  encodeMessage,
  messageField,
  messageToJson,
  parseMessage,
  parseMessageText,
} from './message-json.ts'
export {
  messageTypes,
  type Admission,
  type Checkpoint,
  type Grant,
  type KeeperPolicy,
  type Message,
  type MessageName,
  type Order,
  type Posting,
  type Receipt,
  type Refusal,
  type Release,
  type RuntimeApproval,
  type Usage,
  type Vote,
} from './messages.ts'
export {
  checkOrder,
  checkOrderGrants,
  feeForPricesUp,
  paidPerUse,
  replicaOf,
  replicaWei,
  taskOf,
  tasksOf,
} from './orders.ts'
export {
  allOutputFormats,
  isOutputFormat,
  outputFormatBits,
  outputFormatsOf,
  outputFormatSet,
  type OutputFormat,
} from './output-formats.ts'
export {
  payoutLeaf,
  payoutLeavesMax,
  payoutProof,
  payoutRoot,
  verifyPayoutProof,
  type Payout,
} from './payouts.ts'
export { contentDigest, contentId } from './content-id.ts'
export { storedBytesMax, type PartRange, type PartStore, type ReadableStore } from './part-store.ts'
export { AnswerError, wireError, wireErrorField, type WireError } from './peer-errors.ts'
export {
  createPeer,
  wireVersion,
  type Answer,
  type Handler,
  type Peer,
  type PeerOptions,
  type RequestOptions,
} from './peer.ts'
export type { Problem } from './problems.ts'
export {
  compareSlots,
  proveChain,
  slotsByContract,
  type ProvenChain,
  type SlotPlace,
} from './proven-chain.ts'
export { verifyAccountProof, verifyStorageProof, type Account } from './proof.ts'
export {
  encodeProvenanceRecord,
  parseProvenanceRecord,
  provenanceDataDigest,
  provenanceDigest,
  provenanceOwner,
  provenanceTypedData,
  type ProvenanceRecord,
  type UnsignedProvenance,
} from './provenance.ts'
export {
  receiptFactNames,
  verifyReceiptFile,
  type Fact,
  type ReceiptFactName,
} from './receipt-facts.ts'
export {
  encodeReceiptFile,
  parseReceiptFile,
  receiptFileField,
  trimReceiptFile,
  type ReceiptFile,
} from './receipt-file.ts'
export {
  attemptNeeds,
  checkAttemptChain,
  provenApprovals,
  type AttemptChainFacts,
  type AttemptNeeds,
} from './attempt-chain.ts'
export { receiptFileNeeds, type ReceiptFileNeeds } from './receipt-needs.ts'
export {
  checkBinding,
  checkPosting,
  checkReceipt,
  checkReleases,
  checkReleaseSignatures,
  checkSpending,
  sortReleases,
  type ReceiptContext,
  type SignedReceipt,
} from './receipts.ts'
export {
  isRefusalReason,
  refusalCause,
  refusalReasons,
  type RefusalCause,
  type RefusalReason,
} from './refusal-reasons.ts'
export {
  appraiseNode,
  unnamedMachineId,
  type EvidenceRule,
  type NodeAppraisal,
  type NodeClaims,
  type NodeDemand,
  type NodeFactsShown,
} from './node-appraisal.ts'
export {
  evidenceBytes,
  evidenceDigest,
  evidenceOf,
  nodeCollateralField,
  nodeEvidenceField,
  shownEvidenceField,
  type NodeEvidence,
  type ShownEvidence,
} from './node-evidence.ts'
export {
  allTees,
  hasTee,
  isNodeTee,
  isTeeSet,
  sameVendor,
  sayTees,
  teeByName,
  teeNumber,
  teeNumbers,
  teeSet,
  teesOf,
  type NodeTee,
} from './tees.ts'
export {
  encodeAnswerEnd,
  encodeAnswerHead,
  encodeSessionRequest,
  encodeSessionSummary,
  parseAnswerEnd,
  parseAnswerHead,
  parseSessionRequest,
  sessionContext,
  sessionHeaders,
  sessionLimits,
  sessionOfferBytes,
  sessionOfferContext,
  sessionStatusField,
  sessionSummaryField,
  type SessionAnswerEnd,
  type SessionAnswerHead,
  type SessionEnding,
  type SessionRequestHead,
  type SessionStatus,
} from './session.ts'
export {
  answerDigest,
  costOf,
  emptyTranscript,
  nextAnswerDigest,
  nextTranscript,
  unitsPlausible,
  type Exchange,
} from './session-transcript.ts'
export { tcbRank, tcbRankMax, tcbStatusesUpTo, type TcbStatus } from './tcb.ts'
export { signerOf } from './signatures.ts'
export { feeParts, ownersPartDown, splitFee, type Split, type SplitInput } from './split.ts'
export { arraySlot, mappingSlot, packedField, slotHex, structSlot } from './storage-slots.ts'
export {
  appRegistryAbi,
  assetRegistryAbi,
  committeeAbi,
  errorsAbi,
  grantBookAbi,
  keeperDutyAbi,
  ledgerAbi,
  marketAbi,
  nodeRegistryAbi,
  releaseKeysAbi,
  settlementAbi,
  spokePayoutAbi,
  spokeTokenAbi,
  stakingAbi,
  tokenAbi,
} from './generated/abi.ts'
export {
  deviceNonce,
  deviceProblems,
  deviceCollateralField,
  deviceEvidenceField,
  shownDevicesField,
  type Accelerator,
  type ShownDevices,
} from './node-devices.ts'
