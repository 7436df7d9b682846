import {
  domainSeparator,
  hashTypedData,
  recoverTypedDataAddress,
  type Address,
  type Hex,
} from 'viem'

import { messageTypes, type Message, type MessageName } from './messages.ts'

/** The EIP-712 domain of a deployment (home chain, Ledger) or of a spoke (spoke chain, SpokePayout). */
export type Domain = {
  readonly name: 'Cloister'
  readonly version: '1'
  readonly chainId: number
  readonly verifyingContract: Address
}

/** The domain whose messages belong to one contract on one chain. */
export function cloisterDomain(chainId: number, verifyingContract: Address): Domain {
  return { name: 'Cloister', version: '1', chainId, verifyingContract }
}

/** The deployment's identifier: its domain separator. Spec: docs/protocol.md section 1. */
export function deploymentOf(domain: Domain): Hex {
  return domainSeparator({ domain: { ...domain, chainId: BigInt(domain.chainId) } })
}

/** What a wallet signs for a message: domain, types and value in viem's shape. */
export function typedData<N extends MessageName>(domain: Domain, name: N, message: Message<N>) {
  return { domain, types: { [name]: messageTypes[name] }, primaryType: name, message }
}

/** The digest that is signed for `message`. Spec: EIP-712. */
export function messageDigest<N extends MessageName>(
  domain: Domain,
  name: N,
  message: Message<N>,
): Hex {
  return hashTypedData(untyped(domain, name, message))
}

/**
 * Who signed `message`.
 *
 * @throws where the signature is not one (wrong length, not on the curve).
 */
export function recoverSigner<N extends MessageName>(
  domain: Domain,
  name: N,
  message: Message<N>,
  signature: Hex,
): Promise<Address> {
  return recoverTypedDataAddress({ ...untyped(domain, name, message), signature })
}

// viem infers a message's type from literal types; across a generic name it cannot, so it sees records.
function untyped(domain: Domain, name: MessageName, message: Readonly<Record<string, unknown>>) {
  const types: Record<string, readonly { readonly name: string; readonly type: string }[]> = {
    [name]: messageTypes[name],
  }
  return { domain, types, primaryType: name, message }
}
