import type { Address } from 'viem'

import { chainCells } from './chain-cells.ts'
import { messageDigest } from './digest.ts'
import { keepersHash } from './ids.ts'
import { differs, type Problem } from './problems.ts'
import type { ReceiptCase } from './receipt-case.ts'

type Finding = { readonly problems: readonly Problem[]; readonly detail: string }

/** Whether vote and task name just the keepers whose records the bundle has. */
export async function keepersFact(trial: ReceiptCase): Promise<Finding> {
  const { bundle, judgement, posting } = trial.file
  const operators: Address[] = []
  for (const { release } of bundle.releases)
    operators.push(await trial.address(chainCells.node(release.keeper).operator))
  const hash = keepersHash(operators)
  const onChain = await trial.word(chainCells.task(posting.task).keepersHash)
  return {
    problems: [
      ...differs('vote.keepersHash', judgement.vote.keepersHash, hash),
      ...differs('task.keepersHash', onChain, hash),
    ],
    detail: `${new Set(operators).size} keepers released`,
  }
}

/** Whether a quorum of the task's committee accepted this posting, by the vote that is on chain. */
export async function judgementFact(trial: ReceiptCase): Promise<Finding> {
  const { judgement, posting } = trial.file
  const { vote, signatures, epoch } = judgement
  const set = await trial.requireQuorum('Vote', vote, signatures, epoch)
  const digest = messageDigest(trial.domain, 'Vote', vote)
  const onChain = await trial.word(chainCells.judgement(posting.task))
  const committee = await trial.number(chainCells.task(posting.task).committee)
  return {
    problems: [
      ...differs('vote', digest, onChain),
      ...differs('vote.posting', vote.posting, messageDigest(trial.domain, 'Posting', posting)),
      ...differs('vote.task', vote.task, posting.task),
      ...differs('vote.attempt', vote.attempt, posting.attempt),
      ...differs('vote.verdict', vote.verdict, 1),
      ...differs('vote.reason', vote.reason, 0),
      ...differs('judgement.epoch', epoch, committee),
    ],
    detail: `accepted by ${signatures.length} of ${set.members.length}`,
  }
}
