import { OperationError } from '@cloister/codec'
import {
  bytes32Field,
  decimalField,
  messageDigest,
  objectField,
  sameHex,
  type Checkpoint,
  type Field,
} from '@cloister/protocol'
import type { Hex } from 'viem'

import type { VerifierContext } from './context.ts'
import type { Standing } from './standing.ts'

/** A 64-bit number as decimal text or as a JSON number. */
export const heightField: Field<bigint> = {
  parse: (value, path) =>
    decimalField(64).parse(
      typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value,
      path,
    ),
  encode: (value) => value.toString(),
}

/** Body of `POST /v1/checkpoints`. */
export const checkpointRequestField = objectField({
  chainId: heightField,
  height: heightField,
  nonce: bytes32Field,
})

/** What an enclave asks for: a height, under a nonce of its choice. */
export type CheckpointRequest = {
  readonly chainId: bigint
  readonly height: bigint
  readonly nonce: Hex
}

/** Heights whose signed hash is remembered. */
const rememberedMax = 1_024

/**
 * Signs checkpoints of blocks in this verifier's own view of the home chain, recent by height and by its own clock: how long a revocation can be kept out of one. For
 * one height it signs one hash, unless its follower has seen a reorganisation that reaches below.
 */
export class Checkpoints {
  readonly #context: VerifierContext
  readonly #standing: Standing
  readonly #signed = new Map<bigint, Hex>()

  constructor(context: VerifierContext, standing: Standing) {
    this.#context = context
    this.#standing = standing
  }

  /** What was signed above `last` was of blocks that a reorganisation took away. */
  onReorg(last: bigint): void {
    for (const height of this.#signed.keys()) if (height > last) this.#signed.delete(height)
  }

  /** @throws {OperationError} `refused`, `unready`, `conflict`, `block-absent`, `chain-down`. */
  async sign(
    request: CheckpointRequest,
  ): Promise<{ readonly checkpoint: Checkpoint; readonly signature: Hex }> {
    this.#standing.requireClear()
    const { config, manifest, home, domain, account, now } = this.#context
    const { chainId, height, nonce } = request
    if (chainId !== BigInt(manifest.home.chainId))
      throw refused(
        `chain ${chainId}: only the home chain ${manifest.home.chainId} is followed here`,
      )
    const head = await home.chain.block()
    if (height > head.number)
      throw refused(`height ${height}: the head is ${head.number}; ask again once it is there`)
    if (head.number - height > BigInt(config.checkpointBlocks))
      throw refused(
        `height ${height}: ${head.number - height} blocks behind the head, at most ${config.checkpointBlocks}`,
      )
    const block = height === head.number ? head : await home.chain.block(height)
    const behindSeconds = Math.floor(now() / 1_000) - Number(block.timestamp)
    if (Math.abs(behindSeconds) > config.clockSeconds)
      throw refused(
        `height ${height}: its time is ${behindSeconds} s before this machine's clock, at most ${config.clockSeconds} either way`,
      )
    const committee = await home.epoch(height)
    const { members } = await home.committee(committee)
    if (!members.some((member) => sameHex(member, account.address)))
      throw refused(`height ${height}: ${account.address} is no member of epoch ${committee}`)
    this.#remember(height, block.hash)
    const checkpoint = {
      chainId,
      height,
      blockHash: block.hash,
      blockTime: block.timestamp,
      committee,
      nonce,
    }
    const digest = messageDigest(domain, 'Checkpoint', checkpoint)
    return { checkpoint, signature: await signDigest(this.#context, digest) }
  }

  #remember(height: bigint, hash: Hex): void {
    const before = this.#signed.get(height)
    if (before !== undefined && !sameHex(before, hash))
      throw new OperationError(
        'conflict',
        `Cannot sign block ${height} with hash ${hash}: ${before} was signed and no reorganisation was seen; try again`,
        { retryable: true },
      )
    this.#signed.set(height, hash)
    const [oldest] = this.#signed.keys()
    if (this.#signed.size > rememberedMax && oldest !== undefined) this.#signed.delete(oldest)
  }
}

/** Signs a digest with the verifier's key. */
export async function signDigest(
  { account }: Pick<VerifierContext, 'account'>,
  digest: Hex,
): Promise<Hex> {
  if (account.sign === undefined)
    throw new OperationError('key-file-unusable', 'Cannot sign: the account has no private key')
  return account.sign({ hash: digest })
}

function refused(detail: string): OperationError {
  return new OperationError('refused', `Cannot sign a checkpoint of ${detail}`)
}
