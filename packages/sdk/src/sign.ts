import { messageTypes, type Domain, type Message, type MessageName } from '@cloister/protocol'
import type { Hex } from 'viem'

import type { Client } from './client.ts'
import { sdkError, sayError } from './sdk-error.ts'

/**
 * Signs a message of the deployment with the client's account or wallet.
 *
 * @throws {OperationError} `no-account`, also where the person refuses in their wallet.
 */
export async function signMessage<N extends MessageName>(
  client: Client,
  name: N,
  message: Message<N>,
): Promise<Hex> {
  const { wallet } = client.chain
  const account = wallet?.account
  if (wallet === undefined || account === undefined)
    throw sdkError('no-account', `Cannot sign a ${name}: give connect() an account`)
  try {
    return await wallet.signTypedData({ account, ...untyped(client.domain, name, message) })
  } catch (cause) {
    throw sdkError(
      'no-account',
      `Cannot sign a ${name}: ${sayError(cause)}; allow it in the wallet, or use another account`,
      { cause },
    )
  }
}

// viem infers a message's type from literal types; across a generic name it cannot, so it sees records.
function untyped(domain: Domain, name: MessageName, message: Readonly<Record<string, unknown>>) {
  const types: Record<string, readonly { readonly name: string; readonly type: string }[]> = {
    [name]: messageTypes[name],
  }
  return { domain, types, primaryType: name, message }
}
