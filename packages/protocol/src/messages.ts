import type { Address, Hex } from 'viem'

/**
 * The EIP-712 types of every message, in the order their fields are hashed.
 *
 * Spec: docs/protocol.md sections 3 to 6.
 */
export const messageTypes = {
  NodeBinding: [
    { name: 'registry', type: 'address' },
    { name: 'operator', type: 'address' },
    { name: 'receiptKey', type: 'address' },
    { name: 'shareKeyHash', type: 'bytes32' },
    { name: 'beacon', type: 'bytes32' },
  ],
  KeepBinding: [
    { name: 'receiptKey', type: 'address' },
    { name: 'shareKeyHash', type: 'bytes32' },
    { name: 'ownerNonce', type: 'bytes32' },
    { name: 'asset', type: 'bytes32' },
  ],
  AttemptBinding: [
    { name: 'task', type: 'bytes32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'orderDigest', type: 'bytes32' },
    { name: 'app', type: 'bytes32' },
    { name: 'grantsRoot', type: 'bytes32' },
    { name: 'machineId', type: 'bytes32' },
    { name: 'receiptKey', type: 'address' },
    { name: 'freshKeyHash', type: 'bytes32' },
    { name: 'nonce', type: 'bytes32' },
    { name: 'notAfter', type: 'uint64' },
  ],
  Grant: [
    { name: 'version', type: 'uint8' },
    { name: 'owner', type: 'address' },
    { name: 'assets', type: 'bytes32[]' },
    { name: 'apps', type: 'bytes32[]' },
    { name: 'measurements', type: 'bytes32[]' },
    { name: 'releaseKey', type: 'address' },
    { name: 'tcbFloor', type: 'uint8' },
    { name: 'tierMin', type: 'uint8' },
    { name: 'tees', type: 'uint32' },
    { name: 'anyNode', type: 'bool' },
    { name: 'operators', type: 'address[]' },
    { name: 'anyRequester', type: 'bool' },
    { name: 'requesters', type: 'address[]' },
    { name: 'purpose', type: 'string' },
    { name: 'priceWei', type: 'uint128' },
    { name: 'usesMax', type: 'uint32' },
    { name: 'usesPerDay', type: 'uint32' },
    { name: 'notBefore', type: 'uint64' },
    { name: 'expiry', type: 'uint64' },
    { name: 'ownersMin', type: 'uint8' },
    { name: 'recordsMin', type: 'uint32' },
    { name: 'outputBytesMax', type: 'uint32' },
    { name: 'outputFormats', type: 'uint32' },
    { name: 'privacyRequired', type: 'bool' },
    { name: 'epsilonMicros', type: 'uint64' },
    { name: 'deltaPicos', type: 'uint64' },
    { name: 'reviewKeyHash', type: 'bytes32' },
    { name: 'nonce', type: 'uint64' },
  ],
  KeeperPolicy: [
    { name: 'owner', type: 'address' },
    { name: 'asset', type: 'bytes32' },
    { name: 'measurements', type: 'bytes32[]' },
    { name: 'tcbFloor', type: 'uint8' },
    { name: 'tierMin', type: 'uint8' },
    { name: 'operators', type: 'address[]' },
    { name: 'expiry', type: 'uint64' },
    { name: 'releaseKey', type: 'address' },
    { name: 'tees', type: 'uint32' },
  ],
  Order: [
    { name: 'requester', type: 'address' },
    { name: 'app', type: 'bytes32' },
    { name: 'assets', type: 'bytes32[]' },
    { name: 'grants', type: 'bytes32[]' },
    { name: 'recipientKeyHash', type: 'bytes32' },
    { name: 'tierMin', type: 'uint8' },
    { name: 'tags', type: 'uint32' },
    { name: 'replicas', type: 'uint8' },
    { name: 'feeWei', type: 'uint128' },
    { name: 'attemptSeconds', type: 'uint32' },
    { name: 'attemptsMax', type: 'uint8' },
    { name: 'expiry', type: 'uint64' },
    { name: 'nonce', type: 'uint64' },
    { name: 'tees', type: 'uint32' },
    { name: 'unitWei', type: 'uint128' },
    { name: 'epsilonMicros', type: 'uint64' },
    { name: 'deltaPicos', type: 'uint64' },
  ],
  ShareAck: [
    { name: 'asset', type: 'bytes32' },
    { name: 'shareIndex', type: 'uint8' },
    { name: 'commitment', type: 'bytes32' },
    { name: 'receiptKey', type: 'address' },
  ],
  Checkpoint: [
    { name: 'chainId', type: 'uint64' },
    { name: 'height', type: 'uint64' },
    { name: 'blockHash', type: 'bytes32' },
    { name: 'blockTime', type: 'uint64' },
    { name: 'committee', type: 'uint64' },
    { name: 'nonce', type: 'bytes32' },
  ],
  ReleaseRequest: [
    { name: 'task', type: 'bytes32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'asset', type: 'bytes32' },
    { name: 'shareIndex', type: 'uint8' },
    { name: 'bundleDigest', type: 'bytes32' },
  ],
  Release: [
    { name: 'task', type: 'bytes32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'asset', type: 'bytes32' },
    { name: 'grant', type: 'bytes32' },
    { name: 'shareIndex', type: 'uint8' },
    { name: 'keeper', type: 'address' },
    { name: 'quoteDigest', type: 'bytes32' },
    { name: 'checkpoint', type: 'bytes32' },
    { name: 'previous', type: 'bytes32' },
    { name: 'sequence', type: 'uint64' },
    { name: 'time', type: 'uint64' },
  ],
  Countersignature: [
    { name: 'release', type: 'bytes32' },
    { name: 'countersigner', type: 'address' },
  ],
  Refusal: [
    { name: 'task', type: 'bytes32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'asset', type: 'bytes32' },
    { name: 'grant', type: 'bytes32' },
    { name: 'shareIndex', type: 'uint8' },
    { name: 'keeper', type: 'address' },
    { name: 'reason', type: 'uint8' },
    { name: 'time', type: 'uint64' },
  ],
  Receipt: [
    { name: 'task', type: 'bytes32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'orderDigest', type: 'bytes32' },
    { name: 'app', type: 'bytes32' },
    { name: 'binding', type: 'bytes32' },
    { name: 'inputsRoot', type: 'bytes32' },
    { name: 'outputDigest', type: 'bytes32' },
    { name: 'outputBytes', type: 'uint64' },
    { name: 'releasesRoot', type: 'bytes32' },
    { name: 'checkpoint', type: 'bytes32' },
    { name: 'time', type: 'uint64' },
    { name: 'nonce', type: 'bytes32' },
    { name: 'outputCommitment', type: 'bytes32' },
    { name: 'spentWei', type: 'uint128' },
    { name: 'epsilonMicros', type: 'uint64' },
    { name: 'deltaPicos', type: 'uint64' },
  ],
  Posting: [
    { name: 'task', type: 'bytes32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'receiptDigest', type: 'bytes32' },
    { name: 'receiptSignatureHash', type: 'bytes32' },
    { name: 'bundleDigest', type: 'bytes32' },
    { name: 'spentWei', type: 'uint128' },
    { name: 'outputCommitment', type: 'bytes32' },
  ],
  Usage: [
    { name: 'task', type: 'bytes32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'sequence', type: 'uint64' },
    { name: 'units', type: 'uint64' },
    { name: 'spentWei', type: 'uint128' },
    { name: 'transcript', type: 'bytes32' },
    { name: 'time', type: 'uint64' },
  ],
  RuntimeApproval: [
    { name: 'measurement', type: 'bytes32' },
    { name: 'expiry', type: 'uint64' },
  ],
  Vote: [
    { name: 'task', type: 'bytes32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'posting', type: 'bytes32' },
    { name: 'verdict', type: 'uint8' },
    { name: 'reason', type: 'uint8' },
    { name: 'keepersHash', type: 'bytes32' },
    { name: 'appraisalDigest', type: 'bytes32' },
  ],
  Admission: [
    { name: 'operator', type: 'address' },
    { name: 'receiptKey', type: 'address' },
    { name: 'shareKeyHash', type: 'bytes32' },
    { name: 'machineId', type: 'bytes32' },
    { name: 'measurement', type: 'bytes32' },
    { name: 'tcb', type: 'uint8' },
    { name: 'tier', type: 'uint8' },
    { name: 'tags', type: 'uint32' },
    { name: 'expiry', type: 'uint64' },
    { name: 'bundleDigest', type: 'bytes32' },
    { name: 'appraisalDigest', type: 'bytes32' },
    { name: 'beacon', type: 'bytes32' },
    { name: 'tee', type: 'uint8' },
  ],
  Floor: [
    { name: 'sequence', type: 'uint64' },
    { name: 'tcbEvaluationDataNumber', type: 'uint32' },
    { name: 'rootCrlNumber', type: 'uint64' },
    { name: 'pckCrlNumber', type: 'uint64' },
  ],
  Handover: [
    { name: 'epoch', type: 'uint64' },
    { name: 'membersHash', type: 'bytes32' },
  ],
  PayoutRoot: [
    { name: 'sequence', type: 'uint64' },
    { name: 'root', type: 'bytes32' },
    { name: 'totalWei', type: 'uint128' },
    { name: 'committee', type: 'uint64' },
  ],
} as const

/** The name of a message. */
export type MessageName = keyof typeof messageTypes

type ValueOf<T extends string> = T extends `${infer Item}[]`
  ? readonly ValueOf<Item>[]
  : T extends 'address'
    ? Address
    : T extends 'bool'
      ? boolean
      : T extends 'string'
        ? string
        : T extends 'uint8' | 'uint32'
          ? number
          : T extends `uint${number}`
            ? bigint
            : Hex

/** A message's value: 8- and 32-bit numbers are numbers, wider ones are bigints, bytes are hex. */
export type Message<N extends MessageName> = {
  readonly [F in (typeof messageTypes)[N][number] as F['name']]: ValueOf<F['type']>
}

/** An owner's signed permission. Spec: docs/protocol.md section 4. */
export type Grant = Message<'Grant'>
/** A requester's signed offer. Spec: docs/protocol.md section 4. */
export type Order = Message<'Order'>
/** Who may hold an asset's key shares. Spec: docs/protocol.md section 4. */
export type KeeperPolicy = Message<'KeeperPolicy'>
/** What the executing enclave signs. Spec: docs/protocol.md section 5. */
export type Receipt = Message<'Receipt'>
/** A keeper's record of one released share. Spec: docs/protocol.md section 5. */
export type Release = Message<'Release'>
/** A keeper's signed answer that it does not release. Spec: docs/protocol.md section 5. */
export type Refusal = Message<'Refusal'>
/** A block that a committee vouches for. Spec: docs/protocol.md section 5. */
export type Checkpoint = Message<'Checkpoint'>
/** What an operator signs when it posts a receipt. Spec: docs/protocol.md section 6. */
export type Posting = Message<'Posting'>
/** A verifier's signed opinion of one posting. Spec: docs/protocol.md section 6. */
export type Vote = Message<'Vote'>
/** A committee's admission of one node. Spec: docs/protocol.md section 6. */
export type Admission = Message<'Admission'>
/** What a session has used so far, signed by its enclave after each request. Spec: docs/protocol.md section 5. */
export type Usage = Message<'Usage'>
/** A release key's word for one runtime. Spec: docs/protocol.md section 4. */
export type RuntimeApproval = Message<'RuntimeApproval'>
