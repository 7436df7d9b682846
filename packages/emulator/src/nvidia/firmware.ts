import { encodeHex, encodeUtf8, type Bytes } from '@cloister/codec'
import { sha384 } from '../signing-key.ts'
import type { NvidiaChip } from './authority.ts'

/** Which part of a device firmware is for. */
export type FirmwareKind = 'driver' | 'vbios'

/** The measurements, from 0, that a manifest of one kind names. As in NVIDIA's, they never overlap. */
export function activeIndexes(chip: NvidiaChip, kind: FirmwareKind): readonly number[] {
  if (chip === 'LS10') return kind === 'vbios' ? range(0, 31) : []
  return kind === 'vbios' ? range(1, 13) : range(21, 41)
}

/** How many blocks a report of a chip has. */
export function blockCount(chip: NvidiaChip): number {
  return chip === 'LS10' ? 31 : 64
}

/** The value that genuine firmware is measured as, 48 bytes. */
export function goldenValue(
  chip: NvidiaChip,
  kind: FirmwareKind,
  version: string,
  index: number,
): Bytes {
  return sha384(encodeUtf8(`cloister/emulator/nvidia/${chip}/${kind}/${version}/${index}`))
}

/** The digest that a chip's first mutable firmware has, in the leaf certificate and in reports. */
export function firmwareId(chip: NvidiaChip, vbiosVersion: string): Bytes {
  return sha384(encodeUtf8(`cloister/emulator/nvidia/${chip}/fmc/${vbiosVersion}`))
}

/** What tells one firmware from another in labels of keys. */
export function firmwareLabel(id: Bytes): string {
  return encodeHex(id.subarray(0, 8))
}

function range(start: number, end: number): readonly number[] {
  return Array.from({ length: end - start }, (_, index) => start + index)
}
