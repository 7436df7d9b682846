export { ContractRevert, revertOf } from './chain-error.ts'
export { ChainSender, type ContractCall, type Transaction } from './chain-sender.ts'
export { Chain, type BlockHead, type ChainOptions } from './chain.ts'
export {
  CollateralFetcher,
  type CollateralServices,
  type FetchedCollateral,
} from './collateral/collateral-fetcher.ts'
export { amdService, type AmdProductLine, type AmdService } from './collateral/amd.ts'
export type { FetchGiven } from './collateral/fetching.ts'
export { MemoryCache, type CacheEntry, type CollateralCache } from './collateral/cache.ts'
export { DocumentClient, type DocumentClientOptions } from './collateral/document-client.ts'
export { FolderCache } from './collateral/folder-cache.ts'
export { intelService, type IntelService, type IntelUpdate } from './collateral/intel.ts'
export { nvidiaService, type NvidiaService } from './collateral/nvidia.ts'
export { readConfig } from './config.ts'
export { encodeHeader, type RawBlock } from './header-rlp.ts'
export {
  fetchBytes,
  fetchJson,
  fetchParts,
  PeerRefusal,
  refusalOf,
  type PeerAnswer,
  type PeerRequest,
} from './http-client.ts'
export {
  bodyParts,
  createHttpApp,
  createPlainHttpApp,
  defaultServerLimits,
  readJsonBody,
  serveHttp,
  type HttpServer,
  type ServeOptions,
  type ServerLimits,
} from './http-server.ts'
export { Journal, journalBodyCharactersMax, type JournalEntry, type Recorded } from './journal.ts'
export { accountOf, createKeyFile, readKeyFile } from './key-file.ts'
export { followLogs, type FollowOptions, type LogCursor } from './log-follower.ts'
export {
  createLog,
  describeError,
  logLevels,
  openLogFile,
  silentLog,
  writeToStderr,
  type Log,
  type LogFields,
  type LogLevel,
  type LogOptions,
  type LogValue,
} from './log.ts'
export {
  defaultStoreLimits,
  ObjectStore,
  ObjectWriter,
  type ByteRange,
  type StoreLimits,
} from './object-store.ts'
export { descendantsOf, isRunning, signalTree } from './process-tree.ts'
export {
  readJsonLine,
  startChild,
  type Child,
  type ChildExit,
  type ChildOptions,
} from './process.ts'
export { defaultRetryPlan, retry, retryDelayMs, SerialQueue, type RetryPlan } from './retry.ts'
export { Secret } from './secret.ts'
export { systemErrorCode } from './system-error.ts'
export { evidenceFromBytes, readEvidence, type FoundEvidence } from './evidence/read-evidence.ts'
export { makeFolder, writeEvidence } from './evidence/write-evidence.ts'
export { openFolderStore } from './stores/folder-store.ts'
export { openIpfsGateway } from './stores/ipfs-gateway.ts'
export {
  openReadableStore,
  openWritableStore,
  parseStoreAddress,
  type StoreAddress,
} from './stores/open-store.ts'
export { openS3Store, type S3Place } from './stores/s3-store.ts'
