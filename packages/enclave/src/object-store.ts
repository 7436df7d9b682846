import { createHash, randomBytes } from 'node:crypto'

import { concatBytes, OperationError, type Bytes } from '@cloister/codec'
import { sameHex } from '@cloister/protocol'
import type { Hex } from 'viem'

import { partBytes, type HostCalls } from './host-calls.ts'

/**
 * Reads an object from the host in parts and holds the whole against its digest. Each part is handed on before that is
 * known: whoever opens it has the cipher's own check, and must not act before this ends without an error.
 *
 * @throws {OperationError} `object-too-large`, `object-refused`.
 */
export async function* readObject(
  host: HostCalls,
  digest: Hex,
  bytesMax: number,
): AsyncGenerator<Bytes, void, undefined> {
  const hash = createHash('sha256')
  let offset = 0
  for (let size = Number.POSITIVE_INFINITY; offset < size;) {
    const part = await host.part(digest, offset, partBytes)
    if (offset === 0) size = part.size
    if (part.size !== size) throw refused(digest, 'its size changed while it was read')
    if (size > bytesMax)
      throw new OperationError(
        'object-too-large',
        `Cannot read object ${digest}: it has ${size} bytes, at most ${bytesMax} are read`,
      )
    hash.update(part.bytes)
    offset += part.bytes.length
    if (part.bytes.length > 0) yield part.bytes
    else if (offset < size) throw refused(digest, 'a part of it is empty')
  }
  if (!sameHex(`0x${hash.digest('hex')}`, digest)) throw refused(digest, 'its bytes are others')
}

/**
 * Reads a whole object of a known size from the host. Its digest is the caller's to check.
 *
 * @throws {OperationError} `object-refused`.
 */
export async function readBytes(host: HostCalls, digest: Hex, size: number): Promise<Bytes> {
  const bytes = new Uint8Array(size)
  for (let offset = 0; offset < size; offset += partBytes) {
    const part = await host.part(digest, offset, partBytes)
    if (part.size !== size)
      throw refused(digest, `it has ${part.size} bytes and not the ${size} that it is listed with`)
    bytes.set(part.bytes, offset)
  }
  return bytes
}

/** Reads a small object whole. @throws {OperationError} as {@link readObject}. */
export async function readWhole(host: HostCalls, digest: Hex, bytesMax: number): Promise<Bytes> {
  const parts: Bytes[] = []
  for await (const part of readObject(host, digest, bytesMax)) parts.push(part)
  return concatBytes(...parts)
}

/** Stores an object with the host and returns its digest. */
export async function writeObject(host: HostCalls, bytes: Bytes): Promise<Hex> {
  const digest: Hex = `0x${createHash('sha256').update(bytes).digest('hex')}`
  const upload = randomBytes(16).toString('hex')
  for (let offset = 0; offset === 0 || offset < bytes.length; offset += partBytes) {
    const part = bytes.subarray(offset, offset + partBytes)
    const last = offset + partBytes >= bytes.length ? digest : undefined
    await host.putPart(upload, offset, part, last)
  }
  return digest
}

function refused(digest: Hex, detail: string): OperationError {
  return new OperationError('object-refused', `Cannot use object ${digest}: ${detail}`, {
    retryable: true,
  })
}
