import { marketAbi, messageDigest, sameHex, type Domain, type Posting } from '@cloister/protocol'
import { parseEventLogs, type Address, type Hex, type Log } from 'viem'

/** A posting as the chain announced it: what it commits to, who signed it, and in which block it stands. */
export type Posted = {
  readonly task: Hex
  readonly attempt: number
  /** Receipt key of the drawn node. */
  readonly node: Address
  /** Digest of the posting. */
  readonly digest: Hex
  readonly message: Posting
  readonly operatorSignature: Hex
  /** Epoch of the set that judges it. */
  readonly committee: bigint
  readonly block: { readonly number: bigint; readonly hash: Hex }
}

/** How a posting is named in journals and maps. */
export function postedKey({ task, attempt }: Pick<Posted, 'task' | 'attempt'>): string {
  return `${task.toLowerCase()}/${attempt}`
}

/** The postings among logs of the Market, in order. */
export function postedOf(domain: Domain, logs: readonly Log[]): readonly Posted[] {
  return parseEventLogs({ abi: marketAbi, eventName: 'Posted', logs: [...logs] }).flatMap((log) => {
    const { task, attempt, node, posting, message, operatorSignature, committee } = log.args
    const { blockNumber, blockHash } = log
    if (blockNumber === null || blockHash === null) return [] // Not in a block yet.
    if (!sameHex(messageDigest(domain, 'Posting', message), posting)) return []
    return [
      {
        task,
        attempt,
        node,
        digest: posting,
        message,
        operatorSignature,
        committee,
        block: { number: blockNumber, hash: blockHash },
      },
    ]
  })
}
