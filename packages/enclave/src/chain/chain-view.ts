import { encodeHex, MalformedError, OperationError } from '@cloister/codec'
import {
  attemptNonce,
  followHandovers,
  membersHash,
  messageDigest,
  parseHeaderChain,
  sameHex,
  slotHex,
  verifyAccountProof,
  verifyQuorum,
  verifyStorageProof,
  type Account,
  type AccountProof,
  type ChainProofs,
  type Checkpoint,
  type CommitteeSet,
  type Handover,
  type Header,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { EnclaveConfig } from '../config.ts'
import type { HostCalls } from '../host-calls.ts'

/** Where under a checkpoint something is read: in its own block, or the configured number of blocks below. */
export type Place = 'head' | 'deep'

/** Milliseconds of a clock that the host cannot turn back. */
export type MonotonicClock = () => number

/**
 * What an enclave knows of the home chain: a block that a quorum of the committee vouched for after this enclave had
 * asked, and whatever storage proofs show under it. Nothing else supplies a chain fact or a time (I11).
 */
export type ChainView = {
  readonly checkpoint: Checkpoint
  readonly digest: Hex
  readonly signatures: readonly Hex[]
  /** Time of the checkpoint's block, Unix seconds. */
  readonly now: bigint
  /** Seconds since the checkpoint was asked for. */
  readonly ageSeconds: () => number
  /** The words in these slots of a contract, each proven. @throws {OperationError} `chain-proof-refused`. */
  readonly read: (place: Place, contract: Address, slots: readonly bigint[]) => Promise<bigint[]>
  /** Everything that was read so far, with its proofs. */
  readonly proofs: () => ChainProofs
  /** The nonce of an attempt whose evidence is made under this checkpoint. */
  readonly nonceOf: (task: Hex, attempt: number) => Hex
}

const triesMax = 8
const retryMilliseconds = 500
/** Blocks by which another enclave may be ahead, and by which a checkpoint may lie behind the newest block known to exist. */
const aheadBlocksMax = 4n
const behindBlocksMax = 2n

/** Follows the committee from the measured genesis and makes fresh views. */
export class Chain {
  readonly #config: EnclaveConfig
  readonly #host: HostCalls
  readonly #clock: MonotonicClock
  readonly #sleep: (milliseconds: number) => Promise<void>
  #set: CommitteeSet
  #newestTime = 0n
  #newestHeight = 0n
  #firstTime: bigint | undefined

  constructor(
    config: EnclaveConfig,
    host: HostCalls,
    clock: MonotonicClock,
    sleep: (milliseconds: number) => Promise<void>,
  ) {
    this.#sleep = sleep
    this.#config = config
    this.#host = host
    this.#clock = clock
    this.#set = config.genesis
  }

  /** The committee that is followed now. */
  get committee(): { readonly epoch: bigint; readonly membersHash: Hex } {
    return { epoch: this.#set.epoch, membersHash: membersHash(this.#set.members) }
  }

  /** The block time of the first checkpoint that this enclave saw: it knows nothing of its own that is older. */
  get firstTime(): bigint | undefined {
    return this.#firstTime
  }

  /**
   * Asks for a checkpoint with a new nonce, and checks it. Where somebody else has seen block `heightMin`, this waits a
   * little until the host's chain has it, too, unless it is out of reach.
   *
   * @throws {OperationError} `checkpoint-refused`, saying what is wrong with it.
   */
  async fresh(heightMin = 0n): Promise<ChainView> {
    for (let tries = 1; ; tries++) {
      const view = await this.#fresh()
      if (view.checkpoint.height >= heightMin) return view
      if (tries === triesMax || heightMin - view.checkpoint.height > aheadBlocksMax)
        refuse(`its height is ${view.checkpoint.height}, not ${heightMin} yet`)
      await this.#sleep(retryMilliseconds)
    }
  }

  /**
   * A fresh view that has the block of a checkpoint which another enclave shows. Its height counts only once the committee
   * is known to have signed it; one of another epoch is looked at again under the view, by {@link requireForeign}.
   *
   * @throws {OperationError} `checkpoint-refused`, before the host is asked where too few of the committee signed it.
   */
  async freshFor(checkpoint: Checkpoint, signatures: readonly Hex[]): Promise<ChainView> {
    if (checkpoint.committee !== this.#set.epoch) return this.fresh()
    await this.#accept(checkpoint, signatures, [])
    return this.fresh(checkpoint.height)
  }

  async #fresh(): Promise<ChainView> {
    const askedAt = this.#clock()
    const newestHeight = this.#newestHeight
    const newestTime = this.#newestTime
    const nonce = randomWord()
    const answer = await this.#host.checkpoint(nonce)
    const { checkpoint, signatures } = answer
    if (!sameHex(checkpoint.nonce, nonce)) refuse('it was made for another nonce')
    await this.#accept(checkpoint, signatures, answer.handovers)
    const headers = linkHeaders(checkpoint, answer.headers.slice(0, this.#config.depth + 1))
    if (headers.length <= this.#config.depth)
      refuse(`${headers.length} headers, ${this.#config.depth + 1} are needed`)
    // Compared with what was known when this one was asked for: views may be made side by side.
    if (checkpoint.blockTime < newestTime)
      refuse(`its block time ${checkpoint.blockTime} lies before ${newestTime}, seen earlier`)
    if (checkpoint.height + behindBlocksMax < newestHeight)
      refuse(
        `its height ${checkpoint.height} lies more than ${behindBlocksMax} below ${newestHeight}`,
      )
    if (this.#ageSeconds(askedAt) > this.#config.checkpointSeconds)
      refuse(`it came more than ${this.#config.checkpointSeconds} seconds after it was asked for`)
    if (checkpoint.blockTime > this.#newestTime) this.#newestTime = checkpoint.blockTime
    this.#firstTime ??= checkpoint.blockTime
    return this.#view(
      checkpoint,
      signatures,
      headers,
      answer.headers.slice(0, headers.length),
      askedAt,
    )
  }

  /**
   * Whether a checkpoint that another enclave asked for is one of this chain's committee, and recent.
   *
   * @throws {OperationError} `checkpoint-refused`.
   */
  async requireForeign(
    checkpoint: Checkpoint,
    signatures: readonly Hex[],
    now: bigint,
    secondsMax: bigint,
  ): Promise<void> {
    await this.#accept(checkpoint, signatures, [])
    if (checkpoint.blockTime + secondsMax < now)
      refuse(`its block time ${checkpoint.blockTime} is more than ${secondsMax} s before ${now}`)
  }

  async #accept(
    checkpoint: Checkpoint,
    signatures: readonly Hex[],
    handovers: readonly Handover[],
  ): Promise<void> {
    const { domain } = this.#config
    if (checkpoint.chainId !== BigInt(domain.chainId))
      refuse(`it is of chain ${checkpoint.chainId}, expected ${domain.chainId}`)
    const set = await this.#follow(handovers)
    if (checkpoint.committee !== set.epoch)
      refuse(`it is signed for epoch ${checkpoint.committee}, the newest known is ${set.epoch}`)
    const { reached, detail } = await verifyQuorum(
      domain,
      'Checkpoint',
      checkpoint,
      signatures,
      set,
    )
    if (!reached) refuse(detail)
    if (checkpoint.height > this.#newestHeight) this.#newestHeight = checkpoint.height
  }

  async #follow(handovers: readonly Handover[]): Promise<CommitteeSet> {
    const from = this.#set
    const newer = handovers.filter(({ epoch }) => epoch > from.epoch)
    const result = await followHandovers(this.#config.domain, from, newer)
    if (result.kind === 'broken') refuse(`handover to epoch ${result.epoch}: ${result.detail}`)
    if (result.set.epoch > this.#set.epoch) this.#set = result.set
    return this.#set
  }

  #view(
    checkpoint: Checkpoint,
    signatures: readonly Hex[],
    headers: readonly Header[],
    headersRlp: readonly Hex[],
    askedAt: number,
  ): ChainView {
    const digest = messageDigest(this.#config.domain, 'Checkpoint', checkpoint)
    const shown = new Map<string, AccountProof>()
    return {
      checkpoint,
      digest,
      signatures,
      now: checkpoint.blockTime,
      ageSeconds: () => this.#ageSeconds(askedAt),
      nonceOf: (task, attempt) => attemptNonce(digest, task, attempt),
      proofs: () => ({ headers: headersRlp, accounts: [...shown.values()] }),
      read: async (place, contract, slots) => {
        const depth = place === 'head' ? 0 : this.#config.depth
        const header = headers[depth]
        if (header === undefined) refuse(`no header at depth ${depth}`)
        const proof = await this.#prove(header, depth, contract, slots)
        remember(shown, proof.shown)
        return proof.words
      },
    }
  }

  async #prove(header: Header, depth: number, address: Address, slots: readonly bigint[]) {
    const wanted = slots.map(slotHex)
    const answer = await this.#host.proof(header.number, address, wanted)
    try {
      const account: Account | undefined = await verifyAccountProof(
        header.stateRoot,
        address,
        answer.accountProof,
      )
      if (account === undefined) throw refused(`there is no contract at ${address}`)
      const storageProofs = wanted.map((slot, index) => {
        const found = answer.storageProofs[index]
        if (found === undefined || !sameHex(found.slot, slot))
          throw refused(`slot ${slot} of ${address} is not what the host proves`)
        return found
      })
      const words = await Promise.all(
        storageProofs.map(({ slot, proof }) =>
          verifyStorageProof(account.storageRoot, BigInt(slot), proof),
        ),
      )
      return { words, shown: { depth, address, accountProof: answer.accountProof, storageProofs } }
    } catch (cause) {
      if (cause instanceof OperationError) throw cause
      throw refused(`the host's proof of ${address} at block ${header.number} is wrong`, cause)
    }
  }

  #ageSeconds(since: number): number {
    return (this.#clock() - since) / 1000
  }
}

function remember(shown: Map<string, AccountProof>, proof: AccountProof): void {
  const key = `${proof.depth} ${proof.address}`
  const before = shown.get(key)?.storageProofs ?? []
  const added = proof.storageProofs.filter(({ slot }) =>
    before.every((other) => !sameHex(other.slot, slot)),
  )
  shown.set(key, { ...proof, storageProofs: [...before, ...added] })
}

function linkHeaders(checkpoint: Checkpoint, headers: readonly Hex[]): readonly Header[] {
  const { height, blockHash, blockTime } = checkpoint
  try {
    return parseHeaderChain({ height, blockHash, blockTime }, headers)
  } catch (cause) {
    if (cause instanceof MalformedError) refuse(cause.message)
    throw cause
  }
}

function randomWord(): Hex {
  return `0x${encodeHex(crypto.getRandomValues(new Uint8Array(32)))}`
}

function refuse(detail: string): never {
  throw new OperationError('checkpoint-refused', `Cannot use the host's checkpoint: ${detail}`, {
    retryable: true,
  })
}

function refused(detail: string, cause?: unknown): OperationError {
  return new OperationError('chain-proof-refused', `Cannot read the chain: ${detail}`, { cause })
}
