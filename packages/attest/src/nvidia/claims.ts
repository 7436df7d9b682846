import { encodeHex } from '@cloister/codec'
import type { CommonClaims } from '../claims.ts'
import type { NvidiaEvidence } from '../evidence.ts'
import { machineIdOf, measurementOf } from '../identity.ts'
import type { Device } from './chain.ts'
import type { GpuMode, OpaqueData } from './opaque.ts'
import type { MeasurementBlock, MeasurementReport } from './parse.ts'
import type { JudgedRim, RimKind } from './tcb.ts'

/** What an authentic report of a GPU or an NVSwitch says. Bytes are lower-case hexadecimal. */
export type NvidiaClaims = CommonClaims & {
  readonly tee: 'nvidia-gpu' | 'nvidia-nvswitch'
  /** `HOPPER`, `BLACKWELL`, `LS10`, or the product line where its generation has no name here. */
  readonly architecture: string
  /** Absent for a switch. */
  readonly driverVersion?: string
  readonly vbiosVersion?: string
  /** Project, its SKU, the chip's SKU and the VBIOS version: `1010_0200_882_96005E0001`. */
  readonly vbiosRimKey: string
  /** Ids that NVIDIA's service has the manifests of this device under. */
  readonly rimIds: { readonly driver?: string; readonly vbios?: string }
  /** `unreported`: the driver is too old to say. */
  readonly mode: GpuMode | 'unreported'
  readonly protectedPcie?: boolean
  readonly slot: number
  readonly responseNonce: string
  readonly measurements: readonly MeasurementBlock[]
  /** Everything else that the device reports, by NVIDIA's names; fields without one by their number. */
  readonly opaque: Readonly<Record<string, string>>
  /** Digest of the firmware: as the report has it, and as the leaf certificate has it. */
  readonly firmwareId: { readonly report?: string; readonly certificate?: string }
  /** Subjects of the certificates, from the leaf to the root. */
  readonly subjects: readonly string[]
  /** The device's own serial number, from its boot ROM's certificate. */
  readonly serialNumber: string
  /** The device's name on NVLink, from the same certificate. */
  readonly pdi: string
  /** PDIs of the switches at a GPU's links, or of the GPUs at a switch's ports. */
  readonly neighbourPdis: readonly string[]
  /** Zeros after the signature. */
  readonly trailingBytes: number
  /** Every manifest that was given, in that order. */
  readonly rims: readonly RimClaim[]
}

/** What holds of a manifest. */
export type RimClaim =
  | { readonly malformed: string }
  | {
      /** `other`: it is for another product or version. */
      readonly kind: RimKind | 'other'
      readonly tagId: string
      readonly product: string
      readonly version: string
      readonly signatureHolds: boolean
      readonly digestHolds: boolean
      /** `good`, `expired`, or the reject code that says what is wrong with it. */
      readonly chain: string
      /** When all its certificates are valid, in seconds since 1970. */
      readonly notBefore: number
      readonly notAfter: number
      readonly revocation: 'good' | 'not-checked' | 'revoked'
      /** How many measurements it names. */
      readonly active: number
      /** Which of them the device does not have, counted from 0. */
      readonly mismatches: readonly number[]
    }

const architectures: Readonly<Record<string, string>> = { GH: 'HOPPER', GB: 'BLACKWELL' }

/** What one appraisal knows of a device, for its claims. */
export type Known = {
  readonly evidence: NvidiaEvidence
  readonly report: MeasurementReport
  readonly device: Device
  readonly opaque: OpaqueData
  readonly anchor: string
  readonly revocation: CommonClaims['revocation']
  readonly rims: readonly JudgedRim[]
}

/**
 * What a device says, once its signature holds.
 *
 * `measurement` is SHA-256 of a domain and the whole measurement record as it was signed. `machineId` is SHA-256 of a
 * domain and the public key of the boot ROM's certificate: the leaf's key changes with the firmware, this one never.
 * `debug` is null: no field of a report says whether developer tools are on. What runs in the guest has to say that.
 */
export async function readNvidiaClaims(known: Known): Promise<NvidiaClaims> {
  const { evidence, report, device, opaque, anchor, revocation, rims } = known
  const { tee } = evidence
  const { driverVersion, vbiosVersion, mode, protectedPcie } = opaque
  return {
    tee,
    format: 'nvidia-spdm-1.1-measurements',
    anchor,
    productLine: device.productLine,
    machineId: await machineIdOf('nvidia', device.identity.spki),
    measurement: await measurementOf(tee, report.record),
    reportData: encodeHex(report.requestNonce),
    debug: null,
    revocation,
    endorsement: 'pinned',
    architecture: architectures[device.productLine.slice(0, 2)] ?? device.productLine,
    ...(driverVersion !== undefined && { driverVersion }),
    ...(vbiosVersion !== undefined && { vbiosVersion }),
    vbiosRimKey: vbiosRimKey(opaque),
    rimIds: rimIds(device, opaque),
    mode: mode ?? 'unreported',
    ...(protectedPcie !== undefined && { protectedPcie }),
    slot: report.slot,
    responseNonce: encodeHex(report.responseNonce),
    measurements: report.blocks,
    opaque: opaque.fields,
    firmwareId: {
      ...(opaque.firmwareId !== undefined && { report: opaque.firmwareId }),
      ...(device.firmwareId !== undefined && { certificate: device.firmwareId }),
    },
    subjects: device.subjects,
    serialNumber: device.serialNumber,
    pdi: device.pdi,
    neighbourPdis: tee === 'nvidia-gpu' ? opaque.switchPdis : opaque.gpuPdis,
    trailingBytes: report.trailingBytes,
    rims: rims.map(rimClaim),
  }
}

function vbiosRimKey({ sku, vbiosVersion }: OpaqueData): string {
  const parts = [sku.project, sku.projectSku, sku.chipSku].map((part) => part.toUpperCase())
  return [...parts, (vbiosVersion ?? '').replaceAll('.', '').toUpperCase()].join('_')
}

/** Board of every LS10, which its reports leave out. Source: NVIDIA's nvtrust. */
const switchBoard = '5612_0002_890'

function rimIds(device: Device, opaque: OpaqueData): NvidiaClaims['rimIds'] {
  const { driverVersion, vbiosVersion } = opaque
  const key = vbiosRimKey(opaque)
  if (device.productLine === 'LS10')
    return { vbios: `NV_SWITCH_BIOS_${switchBoard}_${key.split('_').at(-1)}` }
  return {
    ...(driverVersion !== undefined && {
      driver: `NV_GPU_DRIVER_${device.productLine}_${driverVersion}`,
    }),
    ...(vbiosVersion !== undefined && { vbios: `NV_GPU_VBIOS_${key}` }),
  }
}

function rimClaim(judged: JudgedRim): RimClaim {
  if ('malformed' in judged) return judged
  const { rim, kind, signatureHolds, digestHolds, chain, notBefore, notAfter } = judged
  const { tagId, product, version, measurements } = rim
  const { revocation, mismatches } = judged
  return {
    kind: kind ?? 'other',
    tagId,
    product,
    version,
    signatureHolds,
    digestHolds,
    chain,
    notBefore,
    notAfter,
    revocation,
    active: measurements.size,
    mismatches,
  }
}
