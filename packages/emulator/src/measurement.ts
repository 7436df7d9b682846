import { tdxMeasurement } from '@cloister/attest'
import { encodeUtf8, OperationError, type Bytes } from '@cloister/codec'
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { replay, runtimeEvent, type TdEvent } from './event-log.ts'
import type { TdRegisters } from './quote.ts'
import { checkImage, manifestText, type GuestImage } from './guest-image.ts'
import { bootLog, firmwareMrtd } from './virtual-firmware.ts'

/** What a TD's registers hold once its enclave starts, and the log that explains them. */
export type TdMeasurement = TdRegisters & {
  /** The one digest of all registers that grants and policies name, hexadecimal. */
  readonly measurement: string
  readonly manifest: string
  readonly eventLog: readonly TdEvent[]
}

/**
 * Measures a TD image without running it: what `launchGuest` of equal files will report.
 *
 * @throws {OperationError} `guest-image` on a bad name, `guest-file` on a file that can't be read.
 */
export async function measureTd(image: GuestImage): Promise<TdMeasurement> {
  checkImage(image)
  const digests = new Map<string, Bytes>()
  for (const { name, path } of image.files) digests.set(name, await hashFile(path))
  return measureManifest(manifestText(image, digests))
}

/** The registers of a TD with this manifest. */
export async function measureManifest(manifest: string): Promise<TdMeasurement> {
  const eventLog = [
    ...bootLog(),
    runtimeEvent('system-preparing', new Uint8Array(0)),
    runtimeEvent('cloister-manifest', encodeUtf8(manifest)),
    runtimeEvent('system-ready', new Uint8Array(0)),
  ]
  const registers: TdRegisters = {
    mrtd: firmwareMrtd(),
    rtmrs: [replay(eventLog, 0), replay(eventLog, 1), replay(eventLog, 2), replay(eventLog, 3)],
  }
  return { ...registers, measurement: await tdxMeasurement(registers), manifest, eventLog }
}

/**
 * SHA-256 of a file, read in pieces.
 *
 * @throws {OperationError} `guest-file` naming the file.
 */
export async function hashFile(path: string): Promise<Bytes> {
  try {
    return await readHashed(path)
  } catch (cause) {
    throw new OperationError('guest-file', `Cannot measure ${path}: it can't be read`, { cause })
  }
}

/**
 * Reads a file once, through one buffer that is used again, and gives the SHA-256 of what was read. `each` sees every piece
 * before the next one overwrites it.
 */
export async function readHashed(
  path: string,
  each?: (piece: Uint8Array) => Promise<unknown>,
): Promise<Bytes> {
  const hash = createHash('sha256')
  const buffer = new Uint8Array(pieceBytes)
  const file = await open(path, 'r')
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, pieceBytes)
      if (bytesRead === 0) return new Uint8Array(hash.digest())
      const piece = buffer.subarray(0, bytesRead)
      hash.update(piece)
      await each?.(piece)
    }
  } finally {
    await file.close()
  }
}

const pieceBytes = 4 << 20
