import { OperationError } from '@cloister/codec'
import { describeError } from '@cloister/io'
import {
  messageDigest,
  quorum,
  sameHex,
  signerOf,
  sortSignatures,
  type Domain,
  type Message,
  type MessageName,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

/** A committee member and where it answers; an empty URL where it never said. */
export type Member = { readonly address: Address; readonly url: string }

/** A message that enough members signed, with their signatures ascending by signer. */
export type Agreed<N extends MessageName> = {
  readonly message: Message<N>
  readonly digest: Hex
  readonly signatures: readonly Hex[]
}

/** What is asked of each member of a committee. */
export type QuorumQuestion<N extends MessageName> = {
  readonly domain: Domain
  readonly name: N
  readonly members: readonly Member[]
  readonly deadlineMs: number
  readonly ask: (
    member: Member,
    signal: AbortSignal,
  ) => Promise<{ readonly message: Message<N>; readonly signature: Hex }>
}

/**
 * Asks all members at once, and returns as soon as a quorum signed one and the same message.
 *
 * @throws {OperationError} `no-quorum`, saying what each of the others answered.
 */
export async function collectQuorum<N extends MessageName>(
  question: QuorumQuestion<N>,
): Promise<Agreed<N>> {
  const { domain, name, members, deadlineMs, ask } = question
  const needed = quorum(members.length)
  const answers = new Map<Hex, { readonly message: Message<N>; readonly signatures: Hex[] }>()
  const failures: string[] = []
  const stop = new AbortController()
  return new Promise<Agreed<N>>((resolve, reject) => {
    let waiting = members.length
    const give = (detail: string): void => {
      stop.abort()
      reject(noQuorum(name, needed, members.length, answers, [...failures, detail]))
    }
    const timer = setTimeout(
      () => give(`${waiting} did not answer within ${deadlineMs} ms`),
      deadlineMs,
    )
    const one = async (member: Member): Promise<void> => {
      const { message, signature } = await ask(member, stop.signal)
      const digest = messageDigest(domain, name, message)
      if (!sameHex(member.address, await signerOf(digest, signature)))
        throw new OperationError('peer-malformed', 'its signature is not its own')
      const same = answers.get(digest) ?? { message, signatures: [] }
      same.signatures.push(signature)
      answers.set(digest, same)
      if (same.signatures.length < needed) return
      clearTimeout(timer)
      const signatures = await sortSignatures(digest, same.signatures)
      resolve({ message: same.message, digest, signatures })
      stop.abort()
    }
    for (const member of members)
      void one(member)
        .catch((error: unknown) => void failures.push(`${member.address}: ${describeError(error)}`))
        .then(() => {
          if (--waiting > 0) return
          clearTimeout(timer)
          give('all answered')
        })
    if (members.length === 0) give('the committee has no members')
  })
}

function noQuorum(
  name: string,
  needed: number,
  members: number,
  answers: ReadonlyMap<Hex, { readonly signatures: readonly Hex[] }>,
  failures: readonly string[],
): OperationError {
  const most = Math.max(0, ...[...answers.values()].map(({ signatures }) => signatures.length))
  const detail = failures.join('; ').slice(0, 2_000)
  return new OperationError(
    'no-quorum',
    `Cannot get the ${name} signed: ${most} of ${members} verifiers agree, ${needed} are needed (${detail})`,
    { retryable: true },
  )
}
