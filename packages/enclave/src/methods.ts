import { OperationError, type Json } from '@cloister/codec'
import {
  addressField,
  bytes32Field,
  integerField,
  messageToJson,
  nodeEvidenceField,
  objectField,
  reportData,
  type Field,
  type Handler,
  type NodeEvidence,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { runAttempt } from './attempt/run-attempt.ts'
import type { AppRuntime } from './drivers/driver.ts'
import { ShownEvidence } from './attempt/shown-evidence.ts'
import type { EnclaveContext } from './enclave-context.ts'
import { showEvidence } from './evidence-source.ts'
import { answerDemand, refuseUnshown, unshownField } from './keeper/answer-demand.ts'
import { releaseRequestField } from './keeper/attempt-request.ts'
import { countersignRecord, countersignRequestField } from './keeper/countersign.ts'
import { depositField, depositShare } from './keeper/deposit-share.ts'
import { eraseShare, erasureField } from './keeper/erase-share.ts'
import {
  blindForRecovery,
  blindRequestField,
  partForRecovery,
  partRequestField,
  RecoverySessions,
} from './keeper/help-recovery.ts'
import { releaseShare } from './keeper/release.ts'
import { bearWitness, openState, witnessRequestField } from './keeper/restore-state.ts'
import { Lane } from './lane.ts'
import { confirmOwnMachine } from './own-machine.ts'
import { recoverOwnShare, recoveryRequestField } from './keeper/start-recovery.ts'
import { SessionBook } from './session/session-book.ts'

const nodeEvidenceParams = objectField({ operator: addressField, beacon: bytes32Field })
const keepEvidenceParams = objectField({ asset: bytes32Field, ownerNonce: bytes32Field })
const attemptParams = objectField({ task: bytes32Field, attempt: integerField(1, 0xffff_ffff) })

const attemptsMax = 4

// What anybody may ask for, through this host or another. Each kind has its own lane: a release waits for another enclave's
// countersignature, so two enclaves full of releases must still have room for those. Attempts of this node have none to share.
const strangersLanes = () => ({
  release: new Lane('release request', 12, 48),
  countersign: new Lane('countersign request', 12, 48),
  deposit: new Lane('deposit', 4, 16),
  recovery: new Lane('recovery request', 4, 16),
})

const after = (milliseconds: number, callback: () => void): (() => void) => {
  const timer = setTimeout(callback, milliseconds).unref()
  return () => clearTimeout(timer)
}

/** What this enclave answers its host. Parameters are read strictly. Spec: docs/protocol.md section 10. */
export function enclaveMethods(
  context: EnclaveContext,
  runtime: AppRuntime,
): Readonly<Record<string, Handler>> {
  const sessions = new RecoverySessions()
  const running = new Map<string, Promise<Json>>()
  const memory = { shown: new ShownEvidence(after), book: new SessionBook(after) }
  const lanes = strangersLanes()
  return {
    ...memory.book.methods(),
    'node.evidence': method(nodeEvidenceParams, ({ operator, beacon }) => {
      // From now on this enclave knows what it has seen of the chain: attempts that are drawn later are all news to it.
      if (context.chain.firstTime === undefined) context.chain.fresh().catch(() => undefined)
      return nodeEvidence(context, operator, beacon)
    }),
    'keep.evidence': method(keepEvidenceParams, async ({ asset, ownerNonce }) => {
      const { receiptKey, shareKeyHash } = context.identity
      const binding = { receiptKey, shareKeyHash, ownerNonce, asset }
      const data = reportData(context.config.domain, 'KeepBinding', binding)
      return evidenceAnswer(await context.source.collect(data))
    }),
    'share.deposit': method(depositField, async (deposit) => {
      const { ack, signature } = await lanes.deposit.run(() => depositShare(context, deposit))
      return { ack: messageToJson('ShareAck', ack), signature }
    }),
    release: method(releaseRequestField, (request) =>
      lanes.release.run(() => releaseShare(context, request)),
    ),
    'release.demanded': method(releaseRequestField, (request) =>
      lanes.release.run(() => answerDemand(context, request)),
    ),
    'release.unshown': method(unshownField, (demand) =>
      lanes.release.run(() => refuseUnshown(context, demand)),
    ),
    countersign: method(countersignRequestField, (request) =>
      lanes.countersign.run(() => countersignRecord(context, request)),
    ),
    'attempt.run': method(attemptParams, (asked) =>
      oneAtATime(running, `${asked.task} ${asked.attempt}`, () =>
        runAttempt(context, runtime, memory, asked),
      ),
    ),
    'share.erase': method(erasureField, (erasure) =>
      lanes.deposit.run(() => eraseShare(context, erasure)),
    ),
    'state.open': method(objectField({}), () => openState(context)),
    'recovery.witness': method(witnessRequestField, (request) =>
      lanes.recovery.run(() => bearWitness(context, request)),
    ),
    'recovery.start': method(recoveryRequestField, (request) => recoverOwnShare(context, request)),
    'recovery.blind': method(blindRequestField, (request) =>
      lanes.recovery.run(() => blindForRecovery(context, sessions, request)),
    ),
    'recovery.part': method(partRequestField, (request) =>
      lanes.recovery.run(() => partForRecovery(context, sessions, request)),
    ),
  }
}

function method<T>(field: Field<T>, answer: (params: T) => Promise<Json>): Handler {
  return async (params) => ({ result: await answer(field.parse(params, '')) })
}

// A second run of one attempt would make second evidence, which keepers refuse and charge to this node: a host that asks again, for it was
// restarted while a session goes on, waits for the first.
async function oneAtATime(
  running: Map<string, Promise<Json>>,
  key: string,
  run: () => Promise<Json>,
): Promise<Json> {
  const first = running.get(key)
  if (first !== undefined) return first
  if (running.size >= attemptsMax)
    throw new OperationError('attempt-busy', 'Cannot run this attempt: too many others run', {
      retryable: true,
    })
  const own = run()
  running.set(key, own)
  try {
    return await own
  } finally {
    running.delete(key)
  }
}

async function nodeEvidence(
  context: EnclaveContext,
  operator: Address,
  beacon: Hex,
): Promise<Json> {
  const { config, identity } = context
  const { receiptKey, shareKeyHash } = identity
  const { nodeRegistry: registry } = config.contracts
  const binding = { registry, operator, receiptKey, shareKeyHash, beacon }
  const shown = await showEvidence(context, reportData(config.domain, 'NodeBinding', binding))
  await confirmOwnMachine(identity, shown, config.anchors, Math.floor(Date.now() / 1000))
  return evidenceAnswer(shown)
}

function evidenceAnswer({ evidence }: { readonly evidence: NodeEvidence }): Json {
  return { evidence: nodeEvidenceField.encode(evidence) }
}
