import { OperationError, type Json } from '@cloister/codec'
import {
  addressField,
  cloisterDomain,
  compareHex,
  decimalField,
  encodeMessage,
  ledgerAbi,
  listField,
  messageDigest,
  objectField,
  orNull,
  parseMessageText,
  payoutLeavesMax,
  payoutRoot,
  sameHex,
  type Field,
  type Message,
  type Payout,
} from '@cloister/protocol'
import { zeroAddress, type Address, type Hex } from 'viem'

import { heightField, signDigest } from './checkpoints.ts'
import type { VerifierContext } from './context.ts'
import type { Standing } from './standing.ts'

const request = objectField({ chainId: heightField, height: orNull(heightField) })

/** What somebody asks for: a spoke, and the home height to count up to; undefined for a recent one. */
export type PayoutRequest = { readonly chainId: bigint; readonly height: bigint | undefined }

/** Body of `POST /v1/payouts`: `height` may be left out. */
export const payoutRequestField: Field<PayoutRequest> = {
  parse: (value, path) => request.parse(isObject(value) ? { height: null, ...value } : value, path),
  encode: (value) => request.encode(value),
}

/** How the leaves of a payout tree stand in JSON. */
export const payoutLeavesField: Field<readonly Payout[]> = listField(
  objectField({ account: addressField, cumulativeWei: decimalField(256) }),
  payoutLeavesMax,
)

/** A payout tree that this verifier vouches for. */
export type SignedPayout = {
  readonly payout: Message<'PayoutRoot'>
  readonly leaves: readonly Payout[]
  readonly signature: Hex
}

/** Without a named height, members count up to the last multiple of this: so that they agree. */
const periodBlocks = 4n
/** How far back a named height may lie. */
const heightBlocksMax = 256n
const eventBlocksMax = 10_000n
const readsAtOnce = 32

/**
 * Signs payout roots for spokes. A root's sequence is the home height that it counts up to, so that all members sign the
 * same one; for one sequence this verifier signs one root for ever, and totals never fall.
 */
export class Payouts {
  readonly #context: VerifierContext
  readonly #standing: Standing
  readonly #signed = new Map<string, Message<'PayoutRoot'>[]>()

  constructor(context: VerifierContext, standing: Standing) {
    this.#context = context
    this.#standing = standing
  }

  /** @throws {OperationError} `refused`, `unready`, `conflict`, `chain-down`. */
  async sign({ chainId, height }: PayoutRequest): Promise<SignedPayout> {
    this.#standing.requireClear()
    const { home, account } = this.#context
    const at = await this.#heightOf(height)
    const block = await home.chain.block(at)
    const payoutContract = await this.#spokeAt(chainId, at)
    const leaves = await this.#leavesAt(chainId, at)
    const committee = await home.epoch(at)
    const { members } = await home.committee(committee)
    if (!members.some((member) => sameHex(member, account.address)))
      throw refused(`${account.address} is no member of epoch ${committee}`)
    const totalWei = leaves.reduce((sum, leaf) => sum + leaf.cumulativeWei, 0n)
    const payout = { sequence: at, root: payoutRoot(leaves), totalWei, committee }
    if (!sameHex((await home.chain.block(at)).hash, block.hash))
      throw new OperationError('conflict', 'Cannot sign: the chain reorganised meanwhile', {
        retryable: true,
      })
    this.#record(chainId, payout)
    const domain = cloisterDomain(Number(chainId), payoutContract)
    const digest = messageDigest(domain, 'PayoutRoot', payout)
    return { payout, leaves, signature: await signDigest(this.#context, digest) }
  }

  async #heightOf(height: bigint | undefined): Promise<bigint> {
    const { home, config } = this.#context
    const settled = (await home.chain.block()).number - BigInt(config.chain.confirmations)
    if (height === undefined) return settled - (settled % periodBlocks)
    if (height > settled || settled - height > heightBlocksMax || height < home.fromBlock)
      throw refused(
        `height ${height}: settled are blocks up to ${settled}, at most ${heightBlocksMax} before it can be named`,
      )
    return height
  }

  async #spokeAt(chainId: bigint, at: bigint): Promise<Address> {
    const { home } = this.#context
    const payout = await home.chain.read({
      address: home.contracts.ledger,
      abi: ledgerAbi,
      functionName: 'spokePayoutOf',
      args: [chainId],
      blockNumber: at,
    })
    if (sameHex(payout, zeroAddress)) throw refused(`chain ${chainId} is no open spoke`)
    if (chainId > BigInt(Number.MAX_SAFE_INTEGER))
      throw refused(`chain ${chainId} is too high an id`)
    return payout
  }

  // Events say who was ever paid; storage says how much. The sum must be what the lockbox holds.
  async #leavesAt(chainId: bigint, at: bigint): Promise<readonly Payout[]> {
    const { home } = this.#context
    const accounts = new Set<Address>()
    for (let from = home.fromBlock; from <= at; from += eventBlocksMax) {
      const to = from + eventBlocksMax - 1n
      const logs = await home.chain.ask('read what spokes are owed', (client) =>
        client.getContractEvents({
          address: home.contracts.ledger,
          abi: ledgerAbi,
          eventName: 'Owed',
          args: { chainId },
          fromBlock: from,
          toBlock: to > at ? at : to,
          strict: true,
        }),
      )
      for (const { args } of logs) accounts.add(args.account)
    }
    if (accounts.size === 0) throw refused(`nothing is owed on chain ${chainId} at height ${at}`)
    if (accounts.size > payoutLeavesMax)
      throw refused(`${accounts.size} accounts are owed, at most ${payoutLeavesMax} fit in a tree`)
    const sorted = [...accounts].toSorted(compareHex)
    const leaves: Payout[] = []
    for (let start = 0; start < sorted.length; start += readsAtOnce)
      leaves.push(
        ...(await Promise.all(
          sorted.slice(start, start + readsAtOnce).map(async (account) => ({
            account,
            cumulativeWei: await this.#owed(chainId, account, at),
          })),
        )),
      )
    await this.#checkTotal(chainId, leaves, at)
    return leaves
  }

  #owed(chainId: bigint, account: Address, at: bigint): Promise<bigint> {
    const { home } = this.#context
    return home.chain.read({
      address: home.contracts.ledger,
      abi: ledgerAbi,
      functionName: 'owedOf',
      args: [chainId, account],
      blockNumber: at,
    })
  }

  async #checkTotal(chainId: bigint, leaves: readonly Payout[], at: bigint): Promise<void> {
    const { home } = this.#context
    const lockboxWei = await home.chain.read({
      address: home.contracts.ledger,
      abi: ledgerAbi,
      functionName: 'lockboxOf',
      args: [chainId],
      blockNumber: at,
    })
    const totalWei = leaves.reduce((sum, leaf) => sum + leaf.cumulativeWei, 0n)
    if (totalWei === lockboxWei) return
    throw new OperationError(
      'chain-refused',
      `Cannot sign payouts of chain ${chainId}: its lockbox holds ${lockboxWei} wei, the accounts found are owed ${totalWei}; the chain does not give all events`,
      { retryable: true },
    )
  }

  #record(chainId: bigint, payout: Message<'PayoutRoot'>): void {
    const { journal } = this.#context
    const kind = `payout/${chainId}`
    for (const other of this.#signedFor(kind)) {
      const isWrong =
        other.sequence < payout.sequence
          ? other.totalWei > payout.totalWei
          : other.sequence > payout.sequence && other.totalWei < payout.totalWei
      if (isWrong)
        throw new OperationError(
          'conflict',
          `Cannot sign ${payout.totalWei} wei for sequence ${payout.sequence}: ${other.totalWei} were signed for ${other.sequence}, and totals never fall`,
        )
    }
    const text = encodeMessage('PayoutRoot', payout)
    const { entry, isNew } = journal.recordOnce(kind, String(payout.sequence), text)
    if (entry.body !== text)
      throw new OperationError(
        'conflict',
        `Cannot sign another payout root for sequence ${payout.sequence} of chain ${chainId}; name another height`,
      )
    if (isNew) this.#signedFor(kind).push(payout)
  }

  /** All that was ever signed for a spoke: read from the journal once, then kept. */
  #signedFor(kind: string): Message<'PayoutRoot'>[] {
    const known = this.#signed.get(kind)
    if (known !== undefined) return known
    const found: Message<'PayoutRoot'>[] = []
    for (let from = 0; ;) {
      const page = this.#context.journal.list(kind, from)
      for (const { body } of page) found.push(parseMessageText('PayoutRoot', body))
      const last = page.at(-1)
      if (last === undefined) break
      from = last.sequence + 1
    }
    this.#signed.set(kind, found)
    return found
  }
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refused(detail: string): OperationError {
  return new OperationError('refused', `Cannot sign a payout root: ${detail}`)
}
