import type { Collateral, Evidence } from '@cloister/attest'
import type { Bytes } from '@cloister/codec'

/** Every way to collect evidence on this machine, in the order in which `auto` looks for them. */
export const driverNames = [
  'gramine',
  'configfs-tsm',
  'dstack',
  'sev-guest',
  'nsm',
  'tpm',
  'nvidia-gpu',
  'nvidia-nvswitch',
] as const

/** One of {@link driverNames}. */
export type DriverName = (typeof driverNames)[number]

/** One piece of evidence, as the machine gave it out. Nothing here is trusted. */
export type Collected = {
  readonly evidence: Evidence
  /** Documents that came along with it: AMD's certificates, where the host supplies them. */
  readonly collateral?: Collateral
  /** What came along and could not be used, for a person to read. */
  readonly warning?: string
}

/** What evidence is asked to say. */
export type CollectRequest = {
  /** What the machine signs over; a driver's `reportDataBytes` says how many bytes. */
  readonly reportData: Bytes
  /** Gives up. What a kernel is busy with cannot be called back: its answer is dropped, and cleaned up after. */
  readonly signal?: AbortSignal
}

/** Collects evidence from one kind of machine. */
export type EvidenceDriver = {
  readonly name: DriverName
  readonly reportDataBytes: { readonly min: number; readonly max: number }
  /**
   * Collects evidence over `reportData`: one piece per device, at least one.
   *
   * The drivers for CPUs look whether the report data stands in what they hand on, so that a race between two
   * requests shows; whether the evidence is authentic, an appraisal says.
   *
   * @throws {OperationError} with one of `collectErrorCodes`.
   */
  readonly collect: (request: CollectRequest) => Promise<readonly Collected[]>
}
