import {
  messageDigest,
  quorum,
  sortSignatures,
  type Domain,
  type Message,
  type MessageName,
} from '@cloister/protocol'
import type { Hex } from 'viem'
import { sign } from 'viem/accounts'

/** One key's signature over a message. */
export const signMessage = <N extends MessageName>(
  domain: Domain,
  name: N,
  message: Message<N>,
  key: Hex,
) => sign({ hash: messageDigest(domain, name, message), privateKey: key, to: 'hex' })

/** As many of the members' signatures over a message as a quorum has, ascending by signer. */
export const signByQuorum = async <N extends MessageName>(
  domain: Domain,
  name: N,
  message: Message<N>,
  members: readonly Hex[],
) => {
  const digest = messageDigest(domain, name, message)
  const signatures = await Promise.all(
    members.map((privateKey) => sign({ hash: digest, privateKey, to: 'hex' })),
  )
  return (await sortSignatures(digest, signatures)).slice(0, quorum(members.length))
}
