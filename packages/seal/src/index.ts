export { chunkBytes, headerBytes, plainSize, sealedChunkBytes, sealedSize } from './chunk-layout.ts'
export { contextBytesMax, keyBytes } from './chunk-keys.ts'
export { digestSealed } from './digest-sealed.ts'
export {
  deriveEnvelopeKeyPair,
  envelopeContextBytesMax,
  envelopeOverheadBytes,
  envelopePlaintextBytesMax,
  envelopePrivateKeyBytes,
  envelopePublicKeyBytes,
  generateEnvelopeKeyPair,
  openEnvelope,
  parseEnvelopePrivateKey,
  sealEnvelope,
  serializeEnvelopePrivateKey,
  type EnvelopeKeyPair,
  type EnvelopePrivateKey,
  type Extractable,
} from './envelope.ts'
export {
  combineShares,
  shareBytes,
  shareX,
  splitKey,
  type KeyShare,
  type Sharing,
} from './key-share.ts'
export { listParts } from './list-parts.ts'
export { open, openStream } from './open-object.ts'
export { openRange, type ReadSealed } from './open-range.ts'
export {
  encodePartsList,
  parsePartsList,
  partBytes,
  partCount,
  partPlace,
  partPlainBytes,
  partsListBytesMax,
  partsMax,
  partsRoot,
  type PartsList,
} from './parts-list.ts'
export {
  PartsReader,
  requirePart,
  type PartsReaderOptions,
  type ReadPart,
  type WantedPart,
} from './parts-reader.ts'
export {
  drawObjectSalt,
  sealInParts,
  sealParts,
  type PartSealing,
  type SealedPart,
} from './seal-parts.ts'
export { createSealer, seal, type Sealer } from './seal-object.ts'
export { type SealingErrorCode } from './sealing-error.ts'
export { commitShare, verifyShare, type PlacedShare } from './share-commitment.ts'
export {
  createSessionReceiver,
  createSessionSender,
  sealedRequestBytesMax,
  sessionPskBytes,
  type OpenedRequest,
  type SealedRequest,
  type SessionReceiver,
  type SessionSender,
} from './session-channel.ts'
export {
  frameContentBytesMax,
  sealedFrameBytesMax,
  type AnswerFrame,
  type AnswerOpener,
  type AnswerSealer,
} from './session-frames.ts'
export {
  finishRecoveryPart,
  recoverShare,
  startRecovery,
  type RecoveryStart,
} from './share-recovery.ts'
