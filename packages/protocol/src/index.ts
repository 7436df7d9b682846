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
  cloisterDomain,
  deploymentOf,
  messageDigest,
  recoverSigner,
  typedData,
  type Domain,
} from './digest.ts'
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
  objectField,
  oneOf,
  orNull,
  parseField,
  signatureField,
  textField,
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
export {
  checkGrant,
  decideGrant,
  type GrantDecision,
  type GrantFacts,
  type GrantRequest,
  type Problem,
} from './grants.ts'
export {
  appId,
  assetId,
  attemptNonce,
  commitmentsHash,
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
  sortAddresses,
  taskId,
  tdxMeasurement,
  zeroHash,
  type TdxRegisters,
} from './ids.ts'
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
  type Vote,
} from './messages.ts'
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
export {
  isRefusalReason,
  refusalCause,
  refusalReasons,
  type RefusalCause,
  type RefusalReason,
} from './refusal-reasons.ts'
export { tcbRank, tcbRankMax, tcbStatusesUpTo, type TcbStatus } from './tcb.ts'
