export {
  cloisterDomain,
  deploymentOf,
  messageDigest,
  recoverSigner,
  typedData,
  type Domain,
} from './digest.ts'
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
