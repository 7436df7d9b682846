import { setTimeout as sleep } from 'node:timers/promises'

import { revertOf } from '@cloister/io'
import {
  messageDigest,
  sameHex,
  settlementAbi,
  signerOf,
  type Domain,
  type SignedReceipt,
} from '@cloister/protocol'
import { encodeAbiParameters, keccak256, type Address, type Hex } from 'viem'

import type { VerifierContext } from './context.ts'
import { isCommitted } from './judge.ts'
import type { Posted } from './posted.ts'
import type { MemberVote } from './vote-pool.ts'

/** Something that somebody signed and that costs stake. `proof` is how Settlement names it. */
export type Challenge =
  | { readonly kind: 'forged-receipt'; readonly proof: Hex }
  | {
      readonly kind: 'equivocation'
      readonly proof: Hex
      readonly signer: Address
      readonly votes: readonly [MemberVote, MemberVote]
    }
  | {
      readonly kind: 'false-vote'
      readonly proof: Hex
      readonly signer: Address
      readonly vote: MemberVote
    }

/**
 * What can be proven about one posting, each verifier at most once. `signed` must be the receipt that the posting
 * commits to; without it only equivocation can be seen.
 */
export async function findChallenges(
  domain: Domain,
  posted: Posted,
  signed: SignedReceipt | undefined,
  votes: readonly MemberVote[],
): Promise<readonly Challenge[]> {
  const found: Challenge[] = []
  const genuine =
    signed === undefined || !isCommitted(domain, posted.digest, signed)
      ? undefined
      : sameHex(
          posted.node,
          await signerOf(messageDigest(domain, 'Receipt', signed.receipt), signed.receiptSignature),
        )
  if (genuine === false) found.push({ kind: 'forged-receipt', proof: posted.digest })
  for (const [signer, own] of Map.groupBy(votes, (vote) => vote.signer)) {
    const proof = keccak256(
      encodeAbiParameters([{ type: 'address' }, { type: 'bytes32' }], [signer, posted.digest]),
    )
    const [first, second] = own
    if (first !== undefined && second !== undefined) {
      found.push({ kind: 'equivocation', proof, signer, votes: [first, second] })
      continue
    }
    const isFalse =
      genuine === true
        ? first?.vote.verdict === 2 && first.vote.reason === 1
        : genuine === false && first?.vote.verdict === 1
    if (first !== undefined && isFalse)
      found.push({ kind: 'false-vote', proof: falseVoteProof(signer, posted), signer, vote: first })
  }
  return found
}

// Types.sol: Offence.FalseVote.
const falseVote = 4

function falseVoteProof(signer: Address, { digest }: Posted): Hex {
  const types = [{ type: 'address' }, { type: 'bytes32' }, { type: 'uint8' }] as const
  return keccak256(encodeAbiParameters(types, [signer, digest, falseVote]))
}

/** Brings challenges to Settlement, each once. Losing the race to another challenger is fine. */
export class Challenger {
  readonly #context: VerifierContext
  readonly #done = new Set<Hex>()

  constructor(context: VerifierContext) {
    this.#context = context
  }

  /** Sends every challenge that is not proven yet, except against this verifier itself. */
  async bring(
    posted: Posted,
    signed: SignedReceipt | undefined,
    challenges: readonly Challenge[],
    turn: number,
  ): Promise<void> {
    const { home, account, log, config } = this.#context
    for (const challenge of challenges) {
      if (this.#done.has(challenge.proof)) continue
      if ('signer' in challenge && sameHex(challenge.signer, account.address)) continue
      // One after another, so that not all pay for the same proof.
      await sleep(config.gatherMs * turn)
      if (!(await home.isProven(challenge.proof))) {
        try {
          await this.#send(posted, signed, challenge)
          log.warn('Proved an offence', {
            kind: challenge.kind,
            task: posted.task,
            attempt: posted.attempt,
            against: 'signer' in challenge ? challenge.signer : posted.node,
          })
        } catch (error) {
          if (revertOf(error)?.errorName !== 'AlreadyProven') throw error
        }
      }
      this.#done.add(challenge.proof)
    }
  }

  async #send(
    posted: Posted,
    signed: SignedReceipt | undefined,
    challenge: Challenge,
  ): Promise<void> {
    const { home, account } = this.#context
    const sender = home.chain.sender(account)
    const settlement = { address: home.contracts.settlement, abi: settlementAbi } as const
    const { message, operatorSignature } = posted
    switch (challenge.kind) {
      case 'equivocation': {
        const [a, b] = challenge.votes
        await sender.sendAndWait({
          ...settlement,
          functionName: 'proveEquivocation',
          args: [a.vote, b.vote, [a.signature, b.signature]],
        })
        return
      }
      case 'forged-receipt':
        if (signed === undefined) return
        await sender.sendAndWait({
          ...settlement,
          functionName: 'proveForgedReceipt',
          args: [message, operatorSignature, signed.receipt, signed.receiptSignature],
        })
        return
      case 'false-vote': {
        if (signed === undefined) return
        const { vote, signature } = challenge.vote
        const { receipt, receiptSignature } = signed
        await sender.sendAndWait({
          ...settlement,
          functionName: 'proveFalseVote',
          args: [vote, signature, message, operatorSignature, receipt, receiptSignature],
        })
      }
    }
  }
}
