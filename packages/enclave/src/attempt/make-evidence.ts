import { grantsRoot, keyHash, reportData, type AttemptBinding } from '@cloister/protocol'
import { bytesToHex } from 'viem'

import type { EnclaveContext } from '../enclave-context.ts'
import { showEvidence } from '../evidence-source.ts'
import type { AttemptEvidence } from '../keeper/attempt-request.ts'
import { attemptFreshSeconds } from '../keeper/judge-request.ts'
import type { PreparedAttempt } from './prepare-attempt.ts'
import type { Bytes } from '@cloister/codec'

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
  const shown = await showEvidence(context, reportData(config.domain, 'AttemptBinding', binding))
  return {
    format: 'cloister-bundle/2',
    deployment: config.deployment,
    order,
    grants,
    grantSignatures,
    binding,
    freshPublicKey: bytesToHex(freshPublicKey),
    ...shown,
    checkpoint: view.checkpoint,
    checkpointSignatures: view.signatures,
    proofs: view.proofs(),
  }
}
