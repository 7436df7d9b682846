import { OperationError, type Bytes } from '@cloister/codec'
import { grantsRoot, keyHash, reportData, type AttemptBinding } from '@cloister/protocol'
import { bytesToHex } from 'viem'

import type { EnclaveContext } from '../enclave-context.ts'
import { showEvidence } from '../evidence-source.ts'
import type { AttemptEvidence } from '../keeper/attempt-request.ts'
import { attemptFreshSeconds, judgeAttemptEvidence } from '../keeper/judge-request.ts'
import type { PreparedAttempt } from './prepare-attempt.ts'
import { showDevices } from './show-devices.ts'

/** Binds an attempt to this machine, its keys and a fresh key, and has it signed by the TEE. */
export async function makeEvidence(
  context: EnclaveContext,
  prepared: PreparedAttempt,
  freshPublicKey: Bytes,
): Promise<AttemptEvidence> {
  const { config, identity } = context
  const { task, attempt, view, order, orderDigest, grants, grantSignatures } = prepared
  const binding: AttemptBinding = {
    task,
    attempt,
    orderDigest,
    app: order.app,
    grantsRoot: grantsRoot(order.grants),
    machineId: identity.machineId,
    receiptKey: identity.receiptKey,
    freshKeyHash: keyHash(freshPublicKey),
    nonce: view.nonceOf(task, attempt),
    notAfter: view.now + attemptFreshSeconds,
  }
  const data = reportData(config.domain, 'AttemptBinding', binding)
  const shown = await showEvidence(context, data)
  const { accelerator } = prepared.manifest
  const devices = accelerator === 'none' ? undefined : await showDevices(context, shown, data)
  const evidence: AttemptEvidence = {
    format: 'cloister-bundle/2',
    deployment: config.deployment,
    order,
    grants,
    grantSignatures,
    binding,
    freshPublicKey: bytesToHex(freshPublicKey),
    ...shown,
    ...(devices && { devices }),
    checkpoint: view.checkpoint,
    checkpointSignatures: view.signatures,
    proofs: view.proofs(),
  }
  if (devices !== undefined) await requireOwnDevices(context, prepared, evidence)
  return evidence
}

// A refusal by keepers stays with the attempt. NVIDIA's documents may be younger than the view: then a later one accepts them.
async function requireOwnDevices(
  context: EnclaveContext,
  { view, manifest }: PreparedAttempt,
  evidence: AttemptEvidence,
): Promise<void> {
  const node = await context.facts.node(view, context.identity.receiptKey)
  if (node === undefined)
    throw new OperationError('attempt-refused', 'Cannot run this attempt: its node is not admitted')
  const judged = await judgeAttemptEvidence(context, view, evidence, node, manifest)
  if (judged.accepted) return
  throw new OperationError(
    'own-evidence-refused',
    `Cannot show this machine's GPU: ${judged.detail}; look whether confidential computing is on, and whether the anchors name NVIDIA's roots`,
    { retryable: true },
  )
}
