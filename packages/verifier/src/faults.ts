import { OperationError } from '@cloister/codec'
import { keepersHash, zeroHash, type Vote } from '@cloister/protocol'

/** Where a verifier can be made to lie, for tests and demonstrations of what the network does about it. */
export type Faults = {
  /** Changes what is voted. */
  readonly alterVote?: (vote: Vote) => Vote
  /** A second, different vote that is signed and spread as well. */
  readonly alsoVote?: (vote: Vote) => Vote
}

/** Names of ready-made faults, as a devnet's configuration lists them. */
export const faultNames = ['vote-both-ways', 'accept-anything'] as const

/** Name of a ready-made fault. */
export type FaultName = (typeof faultNames)[number]

/**
 * The faults of these names; none is an honest verifier.
 *
 * @throws {OperationError} `faults-in-production` where a production verifier is given any.
 */
export function faultsOf(names: readonly FaultName[], production: boolean): Faults {
  if (production && names.length > 0)
    throw new OperationError(
      'faults-in-production',
      `Cannot start with the faults ${names.join(', ')}: a production verifier has none; set insecureFaults to []`,
    )
  return {
    ...(names.includes('accept-anything') ? { alterVote: acceptAnything } : {}),
    ...(names.includes('vote-both-ways') ? { alsoVote: opposite } : {}),
  }
}

function acceptAnything(vote: Vote): Vote {
  return vote.verdict === 1
    ? vote
    : { ...vote, verdict: 1, reason: 0, keepersHash: keepersHash([]), appraisalDigest: zeroHash }
}

function opposite(vote: Vote): Vote {
  return vote.verdict === 1
    ? { ...vote, verdict: 2, reason: 4, keepersHash: zeroHash, appraisalDigest: zeroHash }
    : acceptAnything(vote)
}
