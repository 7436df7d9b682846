import type { ProductLine, SnpTcb } from '@cloister/attest'
import { assert, concatBytes, type Bytes } from '@cloister/codec'
import type { SigningKey } from '../signing-key.ts'
import { encodeTcb } from './tcb.ts'

/** What a guest, its owner and its host can choose about a report. */
export type SnpReportRequest = {
  /** 48 bytes. */
  readonly measurement: Bytes
  /** 64 bytes. */
  readonly reportData: Bytes
  /** 5 unless chosen. */
  readonly version?: 2 | 3 | 4 | 5
  /** POLICY: 0x30000 (SMT allowed, nothing else) unless chosen. Bit 19 makes it a debug guest. */
  readonly policy?: bigint
  readonly guestSvn?: number
  readonly vmpl?: number
  readonly hostData?: Bytes
  readonly familyId?: Bytes
  readonly imageId?: Bytes
  readonly idKeyDigest?: Bytes
  readonly authorKeyDigest?: Bytes
  readonly reportId?: Bytes
  /** Ones throughout unless chosen: no migration agent. */
  readonly reportIdMa?: Bytes
}

/** What the machine puts into each of its reports. */
export type SnpMachineState = {
  readonly line: ProductLine
  readonly reportedTcb: SnpTcb
  readonly currentTcb: SnpTcb
  readonly committedTcb: SnpTcb
  readonly launchTcb: SnpTcb
  readonly platformInfo: bigint
  /** 64 bytes; zeros where it is masked. */
  readonly chipId: Bytes
  readonly maskChipKey: boolean
  readonly signingKey: 'VCEK' | 'VLEK'
  readonly cpuid: { readonly family: number; readonly model: number; readonly stepping: number }
  readonly mitigations: bigint
}

/** POLICY of a guest that chooses none: threads of a core may be shared, nothing else. */
export const usualPolicy = 0x3_0000n

/** Bytes of a report that are signed. */
export const signedReportBytes = 0x2a0

/** Writes the signed part of a report, 672 bytes. Spec: 56860, table ATTESTATION_REPORT. */
export function encodeReport(request: SnpReportRequest, machine: SnpMachineState): Bytes {
  const { version = 5, policy = usualPolicy } = request
  const authorKeyEn = request.authorKeyDigest === undefined ? 0 : 1
  const signer =
    authorKeyEn | (machine.maskChipKey ? 2 : 0) | (machine.signingKey === 'VLEK' ? 4 : 0)
  const { family, model, stepping } = machine.cpuid
  const tcb = (value: SnpTcb): Bytes => encodeTcb(value, machine.line)
  const bytes = concatBytes(
    number(version, 4),
    number(request.guestSvn ?? 0, 4),
    number(policy, 8),
    sized('family id', request.familyId, 16),
    sized('image id', request.imageId, 16),
    number(request.vmpl ?? 0, 4),
    number(1, 4),
    tcb(machine.currentTcb),
    number(machine.platformInfo, 8),
    number(signer, 4),
    number(0, 4),
    sized('report data', request.reportData, 64),
    sized('measurement', request.measurement, 48),
    sized('host data', request.hostData, 32),
    sized('id key digest', request.idKeyDigest, 48),
    sized('author key digest', request.authorKeyDigest, 48),
    sized('report id', request.reportId, 32),
    sized('report id of the migration agent', request.reportIdMa ?? ones, 32),
    tcb(machine.reportedTcb),
    version === 2 ? new Uint8Array(3) : Uint8Array.of(family, model, stepping),
    new Uint8Array(21),
    sized('chip id', machine.chipId, 64),
    tcb(machine.committedTcb),
    firmware,
    firmware,
    tcb(machine.launchTcb),
    ...(version >= 4 ? [number(machine.mitigations, 8), number(machine.mitigations, 8)] : []),
  )
  return concatBytes(bytes, new Uint8Array(signedReportBytes - bytes.length))
}

/**
 * Signs 672 bytes, whatever they say, and gives the whole report of 1184.
 *
 * r and s stand as 72 bytes each, little-endian. Spec: 56860, table of the signature's format.
 */
export function signReportBytes(bytes: Bytes, key: SigningKey): Bytes {
  assert(bytes.length === signedReportBytes, `a report has 672 signed bytes, got ${bytes.length}`)
  const signature = key.signRaw(bytes)
  const half = (start: number): Bytes =>
    concatBytes(signature.slice(start, start + 48).toReversed(), new Uint8Array(24))
  return concatBytes(bytes, half(0), half(48), new Uint8Array(512 - 144))
}

/** Build 40, minor 55, major 1, and a reserved byte. */
const firmware = Uint8Array.of(40, 55, 1, 0)

const ones = new Uint8Array(32).fill(0xff)

function number(value: number | bigint, size: 4 | 8): Bytes {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true)
  return bytes.slice(0, size)
}

function sized(what: string, bytes: Bytes | undefined, size: number): Bytes {
  const found = bytes ?? new Uint8Array(size)
  assert(found.length === size, `${what} has ${size} bytes, got ${found.length}`)
  return found
}
