import { isAbsolute, resolve } from 'node:path'

import type { Collateral } from '@cloister/attest'
import { OperationError, type Bytes } from '@cloister/codec'
import {
  isNodeTee,
  nodeCollateralField,
  type NodeEvidence,
  type NodeTee,
  type ShownEvidence,
} from '@cloister/protocol'

import type { EnclaveConfig, EvidenceConfig } from './config.ts'
import { collectError } from './evidence-drivers/collect-error.ts'
import { createConfigfsTsmDriver } from './evidence-drivers/configfs-tsm.ts'
import type { EvidenceDriver } from './evidence-drivers/driver.ts'
import { createDstackDriver } from './evidence-drivers/dstack.ts'
import { createNsmDriver } from './evidence-drivers/nsm.ts'
import { createNvattestDriver } from './evidence-drivers/nvattest.ts'
import { createSevGuestDriver } from './evidence-drivers/sev-guest.ts'
import type { HostCalls } from './host-calls.ts'

/** What signs evidence for this enclave: of the one kind, by the one driver, that its measured configuration names. */
export type EvidenceSource = {
  readonly tee: NodeTee
  /** Evidence over 64 bytes of report data, and documents that the machine gave with it. @throws {OperationError} with one of `collectErrorCodes`. */
  readonly collect: (
    reportData: Bytes,
  ) => Promise<{ readonly evidence: NodeEvidence; readonly collateral?: Collateral }>
}

/** Opens the configured driver. A relative path is one from `folder`, where the configuration lies. */
export function openEvidenceSource(
  { tee, driver: name, path }: EvidenceConfig,
  folder: string,
): EvidenceSource {
  const driver = openDriver(name, isAbsolute(path) ? path : resolve(folder, path))
  return {
    tee,
    collect: async (reportData) => {
      const [collected] = await driver.collect({ reportData })
      const evidence = collected?.evidence
      // A machine of another kind than the configured one is another machine than what was deployed.
      if (evidence === undefined || !isOf(evidence, tee))
        throw collectError(
          'evidence-malformed',
          `this machine gives evidence of ${evidence?.tee ?? 'nothing'}, the configuration says ${tee}; configure what the machine is`,
        )
      const { collateral } = collected ?? {}
      return { evidence, ...(collateral !== undefined && { collateral }) }
    },
  }
}

/** Opens what asks this machine's GPUs. */
export function openDeviceDriver(config: EnclaveConfig['accelerator']): EvidenceDriver | undefined {
  if (config === undefined) return undefined
  return createNvattestDriver({ device: 'gpu', program: config.command })
}

function openDriver(name: EvidenceConfig['driver'], path: string): EvidenceDriver {
  switch (name) {
    case 'dstack':
      return createDstackDriver({ socketPath: path })
    case 'sev-guest':
      return createSevGuestDriver({ socketPath: path })
    case 'nsm':
      return createNsmDriver({ socketPath: path })
    case 'configfs-tsm':
    default:
      return createConfigfsTsmDriver({ folder: path })
  }
}

/** Evidence over `reportData`, with its vendor's documents from the host. Nothing is believed of these: whoever judges does. */
export async function showEvidence(
  { source, host }: { readonly source: EvidenceSource; readonly host: HostCalls },
  reportData: Bytes,
): Promise<ShownEvidence> {
  const { evidence } = await source.collect(reportData)
  const collateral = await host.collateral(evidence)
  return { evidence, collateral: nodeCollateralField(evidence.tee).parse(collateral, 'collateral') }
}

function isOf(evidence: { readonly tee: string }, tee: NodeTee): evidence is NodeEvidence {
  return evidence.tee === tee && isNodeTee(tee)
}

/** The error of evidence of this machine's own that does not hold. */
export function ownEvidenceRefused(detail: string): OperationError {
  return new OperationError(
    'own-evidence-refused',
    `Cannot vouch for this machine: ${detail}; look whether the configured anchors are its vendor's, and its firmware is current`,
  )
}
