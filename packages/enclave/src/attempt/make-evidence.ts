import {
  collateralField,
  grantsRoot,
  keyHash,
  reportData,
  type AttemptBinding,
} from '@cloister/protocol'
import { bytesToHex } from 'viem'

import type { EnclaveContext } from '../enclave-context.ts'
import type { AttemptEvidence } from '../keeper/attempt-request.ts'
import { attemptFreshSeconds } from '../keeper/judge-request.ts'
import type { PreparedAttempt } from './prepare-attempt.ts'
import type { Bytes } from '@cloister/codec'

/** Binds an attempt to this machine, its keys and a fresh key, and has it signed by the TEE. */
export async function makeEvidence(
  { config, driver, host, identity }: EnclaveContext,
  prepared: PreparedAttempt,
  freshPublicKey: Bytes,
): Promise<AttemptEvidence> {
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
  const quote = await driver.quote(reportData(config.domain, 'AttemptBinding', binding))
  const { fmspc, ca } = identity.platform
  const collateral = collateralField.parse(await host.collateral(fmspc, ca), 'collateral')
  return {
    format: 'cloister-bundle/1',
    deployment: config.deployment,
    order,
    grants,
    grantSignatures,
    binding,
    freshPublicKey: bytesToHex(freshPublicKey),
    quote: bytesToHex(quote),
    collateral,
    checkpoint: view.checkpoint,
    checkpointSignatures: view.signatures,
    proofs: view.proofs(),
  }
}
