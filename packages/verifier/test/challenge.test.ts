import { encodeAbiParameters, keccak256 } from 'viem'
import { expect, test } from 'vitest'

import { findChallenges } from '../src/challenge.ts'
import type { Posted } from '../src/posted.ts'
import type { MemberVote } from '../src/vote-pool.ts'
import { key, named, sign, type Attempt } from './attempt.ts'
import { attemptOf, committee, domain, honest, nodes } from './judging.ts'

const forged = await attemptOf({ receiptKey: key('stranger') })

function postedOf({ signed, posting }: Attempt): Posted {
  return {
    task: signed.posting.task,
    attempt: 1,
    node: nodes[0]!.key.address,
    digest: posting,
    message: signed.posting,
    operatorSignature: signed.operatorSignature,
    committee: 3n,
    block: { number: 1n, hash: named('block') },
  }
}

async function voteOf(
  attempt: Attempt,
  member: number,
  verdict: 1 | 2,
  reason: number,
): Promise<MemberVote> {
  const vote = {
    task: attempt.signed.posting.task,
    attempt: 1,
    posting: attempt.posting,
    verdict,
    reason,
    keepersHash: named('keepers'),
    appraisalDigest: named('appraisal'),
  }
  const signer = committee[member]!
  return { vote, signature: await sign(signer, domain, 'Vote', vote), signer: signer.address }
}

const found = async (attempt: Attempt, votes: readonly MemberVote[], signed = true) =>
  (await findChallenges(domain, postedOf(attempt), signed ? attempt.signed : undefined, votes)).map(
    ({ kind, proof }) => ({ kind, proof }),
  )

const proofOf = (member: number, attempt: Attempt) =>
  keccak256(
    encodeAbiParameters(
      [{ type: 'address' }, { type: 'bytes32' }],
      [committee[member]!.address, attempt.posting],
    ),
  )

// Apart from the equivocation's: one does not stand for the other. 4 is a false vote in Types.sol.
const falseVoteProofOf = (member: number, attempt: Attempt) =>
  keccak256(
    encodeAbiParameters(
      [{ type: 'address' }, { type: 'bytes32' }, { type: 'uint8' }],
      [committee[member]!.address, attempt.posting, 4],
    ),
  )

test('honest votes on an honest posting are challenged by nobody', async () => {
  const votes = [await voteOf(honest, 0, 1, 0), await voteOf(honest, 1, 2, 4)]
  expect(await found(honest, votes)).toEqual([])
})

test('honest votes on a forged posting leave only the forgery', async () => {
  const votes = [await voteOf(forged, 0, 2, 1), await voteOf(forged, 1, 2, 5)]
  expect(await found(forged, votes)).toEqual([{ kind: 'forged-receipt', proof: forged.posting }])
})

test('accepting a forged receipt, or calling a good one forged, is a false vote', async () => {
  expect(await found(forged, [await voteOf(forged, 0, 1, 0)])).toEqual([
    { kind: 'forged-receipt', proof: forged.posting },
    { kind: 'false-vote', proof: falseVoteProofOf(0, forged) },
  ])
  expect(await found(honest, [await voteOf(honest, 1, 2, 1)])).toEqual([
    { kind: 'false-vote', proof: falseVoteProofOf(1, honest) },
  ])
})

test('two different votes of one member are an equivocation, once, whatever they say', async () => {
  const votes = [await voteOf(honest, 2, 1, 0), await voteOf(honest, 2, 2, 1)]
  expect(await found(honest, votes)).toEqual([{ kind: 'equivocation', proof: proofOf(2, honest) }])
  expect(await found(honest, votes, false)).toEqual([
    { kind: 'equivocation', proof: proofOf(2, honest) },
  ])
})

test('without the receipt that the posting commits to, nothing is called forged or false', async () => {
  const votes = [await voteOf(honest, 0, 2, 1), await voteOf(honest, 1, 1, 0)]
  expect(await found(honest, votes, false)).toEqual([])
  const other = {
    ...honest,
    signed: {
      ...honest.signed,
      receipt: forged.signed.receipt,
      receiptSignature: forged.signed.receiptSignature,
    },
  }
  const all = await findChallenges(domain, postedOf(honest), other.signed, votes)
  expect(all).toEqual([])
})
