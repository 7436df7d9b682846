import { OperationError } from '@cloister/codec'
import {
  deviceNonce,
  evidenceBytes,
  type ShownDevices,
  type ShownEvidence,
} from '@cloister/protocol'
import type { Bytes } from '@cloister/codec'

import type { EnclaveContext } from '../enclave-context.ts'
import { collectError } from '../evidence-drivers/collect-error.ts'

/**
 * Evidence of this machine's GPUs over what only this attempt's evidence of the CPU gives, with NVIDIA's documents from the host.
 * Nothing is believed of these: whoever judges does.
 *
 * @throws {OperationError} `attempt-refused` where no accelerator is configured, or one of `collectErrorCodes`.
 */
export async function showDevices(
  { devices, host }: Pick<EnclaveContext, 'devices' | 'host'>,
  { evidence: cpu }: ShownEvidence,
  reportData: Bytes,
): Promise<ShownDevices> {
  if (devices === undefined)
    throw new OperationError('attempt-refused', 'Cannot run this app: this node has no accelerator')
  const nonce = await deviceNonce(evidenceBytes(cpu), reportData)
  const collected = await devices.collect({ reportData: nonce })
  const evidence = collected.map((each) => {
    if (each.evidence.tee === 'nvidia-gpu') return each.evidence
    throw collectError('evidence-malformed', `asked for GPUs, got ${each.evidence.tee}`)
  })
  return { evidence, collateral: await host.deviceCollateral(evidence) }
}
