import { connect } from 'node:net'

import { concatBytes, type Bytes } from '@cloister/codec'

import { collectError, fromSystemError } from './collect-error.ts'

/** What one call of a device may cost. */
export type RelayLimits = { readonly answerBytesMax: number; readonly signal: AbortSignal }

const headBytes = 4

/**
 * Hands one message to a device through the relay that listens at `socketPath`, and gives the device's answer.
 *
 * Node can't make the system call (`ioctl`) that these devices take. A relay is the few lines that can: it reads a length
 * (four bytes, big-endian) and that many bytes, gives them to the device, and writes the answer in the same way. It sees no
 * secret, and what it gives back counts only once it was appraised. Spec: docs/collecting.md, "Relays".
 *
 * @throws {OperationError} with one of `collectErrorCodes`.
 */
export async function callDevice(
  socketPath: string,
  message: Bytes,
  { answerBytesMax, signal }: RelayLimits,
): Promise<Bytes> {
  const parts: Bytes[] = []
  const socket = connect({ path: socketPath, signal })
  try {
    socket.write(frame(message))
    let size = 0
    let wanted: number | undefined
    for await (const chunk of socket) {
      if (!(chunk instanceof Uint8Array)) continue
      parts.push(new Uint8Array(chunk))
      size += chunk.length
      wanted ??= size < headBytes ? undefined : headBytes + lengthOf(concatBytes(...parts))
      // The length is looked at before its bytes are waited for.
      if (wanted !== undefined && wanted > headBytes + answerBytesMax)
        throw collectError(
          'evidence-malformed',
          `the relay at ${socketPath} announces ${wanted - headBytes} bytes, at most ${answerBytesMax} are read`,
        )
      if (wanted !== undefined && size >= wanted) return whole(parts, wanted, socketPath)
    }
  } catch (error) {
    throw fromSystemError(error, `ask the relay at ${socketPath}`)
  } finally {
    socket.destroy()
  }
  throw collectError(
    'evidence-failed',
    `the relay at ${socketPath} hung up; look into its log for what the device said`,
  )
}

function frame(message: Bytes): Bytes {
  const head = new Uint8Array(headBytes)
  new DataView(head.buffer).setUint32(0, message.length)
  return concatBytes(head, message)
}

function lengthOf(bytes: Bytes): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}

function whole(parts: readonly Bytes[], wanted: number, socketPath: string): Bytes {
  const bytes = concatBytes(...parts)
  if (bytes.length === wanted) return bytes.slice(headBytes)
  throw collectError(
    'evidence-malformed',
    `the relay at ${socketPath} sent ${bytes.length - wanted} bytes after its answer`,
  )
}
