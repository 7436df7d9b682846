import { OperationError, type Json } from '@cloister/codec'
import {
  encodeBundle,
  inputsRoot,
  messageDigest,
  messageToJson,
  releasesRoot,
  sortReleases,
  type SignedRelease,
} from '@cloister/protocol'
import { generateEnvelopeKeyPair, type EnvelopePrivateKey } from '@cloister/seal'
import type { Hex } from 'viem'

import type { AppRuntime } from '../drivers/driver.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import type { AttemptEvidence } from '../keeper/attempt-request.ts'
import { writeObject } from '../object-store.ts'
import { runSession, type SessionResult } from '../session/run-session.ts'
import type { SessionBook } from '../session/session-book.ts'
import { requireSession } from '../session/session-program.ts'
import { collectShares } from './collect-shares.ts'
import { federatedEngine } from './federated-engine.ts'
import { Lease } from './lease.ts'
import { makeEvidence } from './make-evidence.ts'
import { closeInputs, openInput, type SealedInput } from './open-inputs.ts'
import { commitmentKey, type CommitmentKey } from './output-commitment.ts'
import { prepareAttempt, type AttemptAsset, type PreparedAttempt } from './prepare-attempt.ts'
import { requireReviewable } from './review.ts'
import { requireDriver, runApp, spentPrivacy } from './run-app.ts'
import { runFederated } from './run-federated.ts'
import { sealOutput } from './seal-output.ts'
import type { Shown, ShownEvidence } from './shown-evidence.ts'

/** What an enclave remembers of attempts that have not come to a receipt yet. */
export type AttemptMemory = { readonly shown: ShownEvidence; readonly book: SessionBook }

/**
 * Runs one attempt from the chain's word that it is this node's to the signed receipt.
 *
 * @throws {OperationError} where a step fails; with signed refusals as data where keepers refuse.
 */
export async function runAttempt(
  context: EnclaveContext,
  runtime: AppRuntime,
  memory: AttemptMemory,
  { task, attempt }: { readonly task: Hex; readonly attempt: number },
): Promise<Json> {
  const { host } = context
  const shown =
    memory.shown.find(task, attempt) ?? (await show(context, runtime, memory.shown, task, attempt))
  const { prepared, evidence, freshKey } = shown
  const code = prepared.manifest.bundle
  // Before a key is asked for: a bundle that is not there is no reason to have one released.
  if (code !== undefined) await runtime.bundles.with(code, () => Promise.resolve())
  const lease = new Lease(context, prepared)
  const opened = await openInputs(context, prepared, evidence, freshKey, lease)
  const { inputs, releases, committing } = opened
  host.progress(task, 'opened')
  let output
  let spent
  let spentWei
  try {
    if (memory.book.endOf(task, attempt) === undefined) memory.shown.countRun(task, attempt)
    const computed = await compute(context, runtime, { shown, inputs, lease, book: memory.book })
    const { result } = computed
    spentWei = computed.spentWei
    host.progress(task, 'ran')
    await lease.require()
    spent = spentPrivacy(prepared, result)
    output = await sealOutput(context, prepared, result, committing)
    // Each output has noise of its own, and spends: a host that loses the first does not get a second for the same charge.
    if (prepared.manifest.privacy !== 'none') memory.shown.endRuns(task, attempt)
  } finally {
    closeInputs(inputs)
  }
  const { sealed, commitment } = output
  const outputDigest = await writeObject(host, sealed)
  const sorted = sortReleases(
    releases.map(({ release }) => release),
    prepared.order,
  ).flatMap((release) => releases.filter((signed) => signed.release === release))
  // Read again: the records of the keepers that released were proven since the evidence was made.
  const bundle = encodeBundle({ ...evidence, proofs: prepared.view.proofs(), releases: sorted })
  const bundleDigest = await writeObject(host, bundle)
  const receipt = {
    ...receiptFields(context, prepared, evidence, sorted),
    outputDigest,
    outputBytes: BigInt(sealed.length),
    outputCommitment: commitment,
    spentWei,
    ...spent,
  }
  const receiptSignature = await context.identity.sign('Receipt', receipt)
  memory.shown.forget(task, attempt)
  memory.book.forget(task, attempt)
  host.progress(task, 'signed')
  return { receipt: messageToJson('Receipt', receipt), receiptSignature, bundleDigest }
}

async function compute(
  context: EnclaveContext,
  runtime: AppRuntime,
  given: {
    readonly shown: Shown
    readonly inputs: readonly SealedInput[]
    readonly lease: Lease
    readonly book: SessionBook
  },
): Promise<SessionResult> {
  const { shown, inputs, lease, book } = given
  const { manifest, recordsMin, order, offeredWei: spentWei } = shown.prepared
  if (manifest.session !== undefined) return runSession(context, runtime, book, shown, inputs)
  if (manifest.kind !== 'federated') {
    const run = { manifest, inputs, recordsMin, budget: order }
    return { result: await runApp(runtime, run), spentWei }
  }
  const [plan] = inputs.filter(({ role }) => role === 'parameters')
  if (plan === undefined) throw new RangeError('A federated app has its plan')
  const data = inputs.filter(({ role }) => role === 'data')
  const engine = federatedEngine(runtime, manifest, data, recordsMin)
  const rounds = { plan: await plan.read(0, plan.size), engine, lease }
  return { result: await runFederated(context, shown, rounds), spentWei }
}

async function show(
  context: EnclaveContext,
  runtime: AppRuntime,
  memory: ShownEvidence,
  task: Hex,
  attempt: number,
): Promise<Shown> {
  const since = performance.now()
  const prepared = await prepareAttempt(context, task, attempt)
  requireDriver(runtime, prepared.manifest)
  requireSession(prepared.order, prepared.manifest)
  requireReviewable(prepared)
  context.host.progress(task, 'checked')
  const fresh = await generateEnvelopeKeyPair({ extractable: false })
  const evidence = await makeEvidence(context, prepared, fresh.publicKey)
  context.host.progress(task, 'attested')
  const shown = { prepared, evidence, freshKey: fresh.privateKey, since }
  memory.keep(shown)
  return shown
}

async function openInputs(
  context: EnclaveContext,
  prepared: PreparedAttempt,
  evidence: AttemptEvidence,
  freshKey: EnvelopePrivateKey,
  lease: Lease,
) {
  const collected = await allOrWorst(
    prepared.assets.map((asset) => collectShares(context, prepared, evidence, asset, freshKey)),
  )
  context.host.progress(prepared.task, 'released')
  const inputs: SealedInput[] = []
  let committing: CommitmentKey | undefined
  try {
    for (const [index, shares] of collected.entries()) {
      const asset = requireAsset(prepared, index)
      await lease.require()
      const opened = await openInput(
        context,
        asset,
        shares.map(({ share }) => share),
        async (key) => {
          // The last asset's counts: the order's parameters or record, which its requester has the key of.
          committing = await commitmentKey(key, prepared.orderDigest)
        },
      )
      inputs.push(lease.guard(opened))
    }
  } catch (cause) {
    closeInputs(inputs)
    throw cause
  } finally {
    for (const { share } of collected.flat()) share.fill(0)
  }
  if (committing === undefined) throw new RangeError('There is no asset')
  return { inputs, releases: collected.flat().map(({ signed }) => signed), committing }
}

// Waits for all, so that nothing of a failed run goes on beside the next. A refusal tells more than a failure that may pass.
async function allOrWorst<T>(asked: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(asked)
  const failures = settled.filter((each) => each.status === 'rejected').map(({ reason }) => reason)
  if (failures.length > 0)
    throw (
      failures.find((each) => !(each instanceof OperationError && each.retryable)) ?? failures[0]
    )
  return settled.filter((each) => each.status === 'fulfilled').map(({ value }) => value)
}

function requireAsset({ assets }: PreparedAttempt, index: number): AttemptAsset {
  const asset = assets[index]
  if (asset === undefined) throw new RangeError(`There is no asset ${index}`)
  return asset
}

function receiptFields(
  { config }: EnclaveContext,
  { task, attempt, order, orderDigest, assets, view }: PreparedAttempt,
  { binding }: AttemptEvidence,
  releases: readonly SignedRelease[],
) {
  const digests = releases.map(({ release }) => messageDigest(config.domain, 'Release', release))
  return {
    task,
    attempt,
    orderDigest,
    app: order.app,
    binding: messageDigest(config.domain, 'AttemptBinding', binding),
    inputsRoot: inputsRoot(assets.map(({ facts }) => facts.root)),
    releasesRoot: releasesRoot(digests),
    checkpoint: view.digest,
    time: view.now,
    nonce: binding.nonce,
  }
}
