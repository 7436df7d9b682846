import { OperationError, type Bytes, type Json } from '@cloister/codec'
import type { Receipt } from '@cloister/protocol'
import type { Hex } from 'viem'

/**
 * Where a host can be made to lie, for tests and demonstrations of what the network does about it.
 * Without a hook the host is honest there.
 */
export type Faults = {
  /** Changes what the enclave's receipt says, before the operator posts it. */
  readonly alterReceipt?: (receipt: Receipt) => Receipt
  /** Changes the sealed output; the receipt is then made to name the changed one. */
  readonly alterOutput?: (output: Bytes) => Bytes
  /** Whether a drawn attempt is left alone. */
  readonly goSilent?: (task: Hex, attempt: number) => boolean
  /** Changes what the enclave is told of the chain's head. */
  readonly staleCheckpoint?: (answer: Json) => Json
  /** Changes storage proofs on their way into the enclave. */
  readonly forgeProof?: (answer: Json) => Json
  /** Puts another machine's genuine quote into what keepers are asked to judge. */
  readonly relayQuote?: (own: Hex, others: () => Promise<readonly Hex[]>) => Promise<Hex>
}

/** Names of ready-made faults, as a devnet's configuration lists them. */
export const faultNames = [
  'alter-receipt',
  'alter-output',
  'go-silent',
  'stale-checkpoint',
  'forge-proof',
  'relay-quote',
] as const

/** Name of a ready-made fault. */
export type FaultName = (typeof faultNames)[number]

/** An honest host. */
export const noFaults: Faults = {}

/**
 * The faults of these names.
 *
 * @throws {OperationError} `faults-in-production` where a production host is given any.
 */
export function faultsOf(names: readonly FaultName[], production: boolean): Faults {
  if (production && names.length > 0)
    throw new OperationError(
      'faults-in-production',
      `Cannot start with the faults ${names.join(', ')}: a production host has none; set insecureFaults to []`,
    )
  return Object.assign({}, ...names.map((name) => readyMade[name]()))
}

const readyMade: { readonly [name in FaultName]: () => Faults } = {
  'alter-receipt': () => ({
    alterReceipt: (receipt) => ({ ...receipt, outputBytes: receipt.outputBytes + 1n }),
  }),
  'alter-output': () => ({ alterOutput: flipLastByte }),
  'go-silent': () => ({ goSilent: () => true }),
  'stale-checkpoint': () => ({ staleCheckpoint: firstForEver() }),
  'forge-proof': () => ({ forgeProof: flipLastProofNode }),
  'relay-quote': () => ({ relayQuote: async (own, others) => (await others())[0] ?? own }),
}

function flipLastByte(output: Bytes): Bytes {
  const altered = new Uint8Array(output)
  altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
  return altered
}

// The committee's signatures on it are genuine, so only the nonce and the time give it away.
function firstForEver(): (answer: Json) => Json {
  let first: Json | undefined
  return (answer) => (first ??= answer)
}

function flipLastProofNode(answer: Json): Json {
  const text = JSON.stringify(answer)
  const at = text.lastIndexOf('0x')
  const end = text.indexOf('"', at)
  const digit = text[end - 1] === '0' ? '1' : '0'
  const altered: Json = JSON.parse(`${text.slice(0, end - 1)}${digit}${text.slice(end)}`)
  return altered
}
