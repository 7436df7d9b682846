import { encodeHex, encodeUtf8, type Bytes } from '@cloister/codec'
import { sha256 } from '#crypto'
import type { Tee } from './evidence.ts'

/**
 * The one digest that names what runs: SHA-256 of a domain for its kind of evidence and what was measured, in
 * hexadecimal. Whoever calls this keeps what was measured of one reading: lengths are not part of the digest.
 */
export async function measurementOf(
  kind: Tee | 'arm-cca-platform',
  ...measured: readonly Bytes[]
): Promise<string> {
  return encodeHex(await sha256(encodeUtf8(`cloister/measurement/${kind}/1\0`), ...measured))
}

/** The one digest that names a machine: SHA-256 of a domain for its vendor and the hardware's id, in hexadecimal. */
export async function machineIdOf(
  vendor: 'intel' | 'amd' | 'nvidia',
  hardwareId: Bytes,
): Promise<string> {
  return encodeHex(await sha256(encodeUtf8(`cloister/machine/1\0${vendor}\0`), hardwareId))
}
