import type { Anchor } from '@cloister/attest'
import type { Bytes } from '@cloister/codec'
import {
  keyHash,
  messageDigest,
  type Domain,
  type Message,
  type MessageName,
} from '@cloister/protocol'
import { generateEnvelopeKeyPair, type EnvelopePrivateKey } from '@cloister/seal'
import type { Address, Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

import type { EvidenceSource } from './evidence-source.ts'
import { readOwnMachine } from './own-machine.ts'

/** Who this enclave is, from one start to its end: keys in memory only, and what its own evidence says. */
export type Identity = {
  readonly receiptKey: Address
  readonly sharePublicKey: Bytes
  readonly shareKeyHash: Hex
  readonly sharePrivateKey: EnvelopePrivateKey
  readonly machineId: Hex
  readonly measurement: Hex
  /** Signs a message with the receipt key. */
  readonly sign: <N extends MessageName>(name: N, message: Message<N>) => Promise<Hex>
  /** Signs a digest that is no message of the protocol's: a tag of its own has to be in it. */
  readonly signDigest: (digest: Hex) => Promise<Hex>
}

/** Makes fresh keys, and reads from evidence of its own which machine this is and what runs on it. */
export async function createIdentity(
  domain: Domain,
  source: EvidenceSource,
  anchors: readonly Anchor[],
  // In seconds, to look at our own evidence: a wrong clock makes the start fail and nothing else.
  clock: () => number,
): Promise<Identity> {
  const account = privateKeyToAccount(generatePrivateKey())
  const share = await generateEnvelopeKeyPair({ extractable: false })
  return {
    receiptKey: account.address,
    sharePublicKey: share.publicKey,
    shareKeyHash: keyHash(share.publicKey),
    sharePrivateKey: share.privateKey,
    ...(await readOwnMachine(source, account.address, anchors, clock)),
    sign: (name, message) => account.sign({ hash: messageDigest(domain, name, message) }),
    signDigest: (hash) => account.sign({ hash }),
  }
}
