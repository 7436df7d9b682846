import {
  amdMachineId,
  appraise,
  ccaMeasurement,
  parseCcaToken,
  parseSnpReport,
  snpMeasurement,
  strictPolicy,
  type Anchor,
  type Appraisal,
  type Collateral,
} from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import {
  sameHex,
  unnamedMachineId,
  type NodeClaims,
  type NodeEvidence,
  type ShownEvidence,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { ownEvidenceRefused, type EvidenceSource } from './evidence-source.ts'

/** Which machine this is, and what runs on it, by its own evidence. */
export type OwnMachine = { readonly machineId: Hex; readonly measurement: Hex }

const anything = strictPolicy({ measurements: 'any', reportData: 'any', machineIds: 'any' })

/**
 * Reads from evidence of this machine's own which one it is. There is no host yet: signatures are looked at as far as the
 * evidence carries its chain; {@link confirmOwnMachine} looks at the others before anybody is shown anything.
 *
 * @param clock This machine's, in seconds, read once the evidence is here (its certificates may be as young as it): a wrong one makes
 * this fail and nothing else.
 * @throws {OperationError} `own-evidence-refused`.
 */
export async function readOwnMachine(
  source: EvidenceSource,
  receiptKey: Address,
  anchors: readonly Anchor[],
  clock: () => number,
): Promise<OwnMachine> {
  const { evidence, collateral } = await source.collect(new Uint8Array(64))
  const appraisal = await appraiseOwn(evidence, collateral ?? 'none', anchors, clock())
  if (appraisal.authentic !== false) return machineOf(appraisal.claims, receiptKey)
  const unsigned =
    appraisal.reject === 'COLLATERAL_MISSING' ? await readUnsigned(evidence) : undefined
  if (unsigned === undefined)
    throw ownEvidenceRefused(
      `its evidence is not authentic, ${appraisal.reject} (${appraisal.where})`,
    )
  return machineOf(unsigned, receiptKey)
}

/**
 * Looks whether evidence that is to make this enclave a node holds in full, and is of the machine that was read at the start.
 *
 * @throws {OperationError} `own-evidence-refused`.
 */
export async function confirmOwnMachine(
  own: OwnMachine & { readonly receiptKey: Address },
  { evidence, collateral }: ShownEvidence,
  anchors: readonly Anchor[],
  nowSeconds: number,
): Promise<void> {
  const appraisal = await appraiseOwn(evidence, collateral, anchors, nowSeconds)
  if (appraisal.authentic === false)
    throw ownEvidenceRefused(
      `its evidence is not authentic, ${appraisal.reject} (${appraisal.where})`,
    )
  const { machineId, measurement } = machineOf(appraisal.claims, own.receiptKey)
  if (!sameHex(machineId, own.machineId) || !sameHex(measurement, own.measurement))
    throw ownEvidenceRefused(
      `it is machine ${machineId} with measurement ${measurement} now, it was ${own.machineId} with ${own.measurement} when this enclave started`,
    )
}

function appraiseOwn(
  evidence: NodeEvidence,
  collateral: Collateral | 'none',
  anchors: readonly Anchor[],
  nowSeconds: number,
): Promise<Appraisal<NodeClaims>> {
  const now = unixSeconds(nowSeconds)
  return appraise(evidence, { collateral, anchors, policy: anything, now })
}

type Read = { readonly machineId?: string; readonly measurement: string }

/** What kinds whose evidence carries no certificates say before anybody has brought them. */
async function readUnsigned(evidence: NodeEvidence): Promise<Read | undefined> {
  if (evidence.tee === 'sev-snp') {
    const report = parseSnpReport(evidence.report)
    const measurement = await snpMeasurement(report)
    const isNamed = report.signingKey === 'VCEK' && report.chipId.some((byte) => byte !== 0)
    return isNamed ? { measurement, machineId: await amdMachineId(report.chipId) } : { measurement }
  }
  if (evidence.tee === 'arm-cca')
    return { measurement: await ccaMeasurement(parseCcaToken(evidence.token).realm) }
  return undefined
}

function machineOf({ machineId, measurement }: Read, receiptKey: Address): OwnMachine {
  return {
    machineId: machineId === undefined ? unnamedMachineId(receiptKey) : `0x${machineId}`,
    measurement: `0x${measurement}`,
  }
}
