import { OperationError, parseJson, type Bytes, type Json } from '@cloister/codec'
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
  /** Changes what the enclave is told of the chain's head. `another` gets a genuine answer to another question. */
  readonly staleCheckpoint?: (answer: Json, another: () => Promise<Json>) => Json | Promise<Json>
  /** Changes storage proofs on their way into the enclave. */
  readonly forgeProof?: (answer: Json) => Json
  /**
   * Puts another machine's genuine evidence, with its collateral, into what keepers are asked to judge; `others` are what
   * other nodes were admitted by.
   */
  readonly relayEvidence?: (
    own: ShownJson,
    others: () => Promise<readonly ShownJson[]>,
  ) => Promise<ShownJson>
  /** Whether keepers' release requests by HTTP go unanswered. */
  readonly holdReleases?: boolean
  /** Whether demands on chain go unanswered. */
  readonly ignoreDemands?: boolean
  /** Told when an attempt begins to run here, and when it is over. */
  readonly onAttempt?: (attempt: number, running: boolean) => void
}

/** Evidence and its collateral, as they stand in JSON. */
export type ShownJson = { readonly evidence: Json; readonly collateral: Json }

/** Names of ready-made faults, as a devnet's configuration lists them. */
export const faultNames = [
  'alter-receipt',
  'alter-output',
  'go-silent',
  'stale-checkpoint',
  'forge-proof',
  'relay-evidence',
  'lie-about-chain',
  'slow-keeper',
  'silent-keeper',
  'first-attempts-only',
] as const

/** Name of a ready-made fault. */
export type FaultName = (typeof faultNames)[number]

/** An honest host. */
export const noFaults: Faults = {}

/**
 * The faults of these names. `first-attempts-only` is none of its own: the others then show only while a task's first attempt runs here.
 *
 * @throws {OperationError} `faults-in-production` where a production host is given any.
 */
export function faultsOf(names: readonly FaultName[], production: boolean): Faults {
  if (production && names.length > 0)
    throw new OperationError(
      'faults-in-production',
      `Cannot start with the faults ${names.join(', ')}: a production host has none; set insecureFaults to []`,
    )
  const faults: Faults = Object.assign({}, ...names.map((name) => readyMade[name]()))
  return names.includes('first-attempts-only') ? inFirstAttempts(faults) : faults
}

const readyMade: { readonly [name in FaultName]: () => Faults } = {
  'alter-receipt': () => ({
    alterReceipt: (receipt) => ({ ...receipt, outputBytes: receipt.outputBytes + 1n }),
  }),
  'alter-output': () => ({ alterOutput: flipLastByte }),
  'go-silent': () => ({ goSilent: () => true }),
  'stale-checkpoint': () => ({ staleCheckpoint: firstForEver() }),
  'forge-proof': () => ({ forgeProof: flipLastProofNode }),
  'relay-evidence': () => ({ relayEvidence: async (own, others) => (await others())[0] ?? own }),
  'lie-about-chain': lieAboutChain,
  'slow-keeper': () => ({ holdReleases: true }),
  'silent-keeper': () => ({ holdReleases: true, ignoreDemands: true }),
  'first-attempts-only': () => ({}),
}

/** The same faults, but an honest host whenever no first attempt runs here: the second one then meets honest hosts alone. */
export function inFirstAttempts(faults: Faults): Faults {
  let running = 0
  const { alterReceipt, alterOutput, goSilent, staleCheckpoint, forgeProof, relayEvidence } = faults
  return {
    onAttempt: (attempt, begins) => {
      if (attempt === 1) running += begins ? 1 : -1
    },
    ...(faults.holdReleases && { holdReleases: true }),
    ...(faults.ignoreDemands && { ignoreDemands: true }),
    ...(alterReceipt && {
      alterReceipt: (receipt) => (running > 0 ? alterReceipt(receipt) : receipt),
    }),
    ...(alterOutput && { alterOutput: (output) => (running > 0 ? alterOutput(output) : output) }),
    ...(goSilent && { goSilent: (task, attempt) => attempt === 1 && goSilent(task, attempt) }),
    ...(staleCheckpoint && {
      staleCheckpoint: (answer, another) =>
        running > 0 ? staleCheckpoint(answer, another) : answer,
    }),
    ...(forgeProof && { forgeProof: (answer) => (running > 0 ? forgeProof(answer) : answer) }),
    ...(relayEvidence && {
      relayEvidence: (own, others) =>
        running > 0 ? relayEvidence(own, others) : Promise.resolve(own),
    }),
  }
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

// First a genuine checkpoint that was made for another question, then one with another height, then true ones and wrong proofs.
function lieAboutChain(): Faults {
  let asked = 0
  return {
    staleCheckpoint: (answer, another) => {
      asked++
      if (asked === 1) return another()
      return asked === 2 ? withHeightBelow(answer) : answer
    },
    forgeProof: flipLastProofNode,
  }
}

function withHeightBelow(answer: Json): Json {
  const raised = JSON.stringify(answer).replace(
    /"height":"(\d+)"/,
    (_, height: string) => `"height":"${BigInt(height) - 1n}"`,
  )
  return parseJson(raised, 'checkpoint', answerLimits)
}

function flipLastProofNode(answer: Json): Json {
  const text = JSON.stringify(answer)
  const at = text.lastIndexOf('0x')
  const end = text.indexOf('"', at)
  const digit = text[end - 1] === '0' ? '1' : '0'
  return parseJson(`${text.slice(0, end - 1)}${digit}${text.slice(end)}`, 'proof', answerLimits)
}

const answerLimits = { charactersMax: 16 * 2 ** 20, depthMax: 32 }
