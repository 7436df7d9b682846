import { concatBytes, parseHex, type Bytes } from '@cloister/codec'

import { messageDigest, type Domain } from './digest.ts'
import type { Message } from './messages.ts'

/** The messages that stand in report data. Spec: docs/protocol.md section 3. */
export type BindingName = 'NodeBinding' | 'KeepBinding' | 'AttemptBinding'

/** What an enclave binds to one attempt: task, order, app, grants, machine, keys and freshness. Spec: docs/protocol.md section 3. */
export type AttemptBinding = Message<'AttemptBinding'>
/** What an enclave binds when it joins as a node. Spec: docs/protocol.md section 3. */
export type NodeBinding = Message<'NodeBinding'>
/** What an enclave binds when an owner asks it to keep shares of one asset. Spec: docs/protocol.md section 3. */
export type KeepBinding = Message<'KeepBinding'>

/**
 * The 64 bytes of report data for a binding: its EIP-712 digest, then 32 zero bytes.
 *
 * A verifier recomputes this from the fields it believes and compares it with the bytes inside the
 * quote's signature; it never reads fields out of report data.
 *
 * Spec: docs/protocol.md section 3.
 */
export function reportData<N extends BindingName>(
  domain: Domain,
  name: N,
  binding: Message<N>,
): Bytes {
  return concatBytes(parseHex(messageDigest(domain, name, binding), name), new Uint8Array(32))
}
