import { sealingError } from './sealing-error.ts'

/** Plaintext bytes of every chunk but the last, which is always shorter. */
export const chunkBytes = 16_384

/** Bytes of the authentication tag that ends every sealed chunk. */
export const tagBytes = 16

/** Bytes of a full sealed chunk. */
export const sealedChunkBytes: number = chunkBytes + tagBytes

/** Bytes of the salt that opens a sealed object. */
export const saltBytes = 24

/** Bytes before the first chunk: the salt and the key commitment. */
export const headerBytes = 56

/** The most chunks that one object may have. Spec: C2SP chunked-encryption, "Message chunking". */
export const chunksMax: number = 2 ** 38

/** Chunks that are worked on together: memory is bounded by a few batches of this many. */
export const batchChunks = 32

/**
 * The size of the sealed object for `size` plaintext bytes.
 *
 * @throws {OperationError} `too-large`, for more chunks than the format allows.
 */
export function sealedSize(size: number): number {
  if (!Number.isInteger(size) || size < 0)
    throw new RangeError(`Cannot seal ${size} bytes, expected a whole number`)
  const chunks = Math.floor(size / chunkBytes) + 1
  requireChunkNumber(chunks - 1)
  return headerBytes + size + chunks * tagBytes
}

/**
 * The size of the plaintext in a sealed object of `size` bytes. Judged by size alone: only opening the last
 * chunk proves that nothing is missing.
 *
 * @throws {OperationError} `truncated`, where no object has this size; `too-large`.
 */
export function plainSize(size: number): number {
  if (!Number.isInteger(size) || size < 0)
    throw new RangeError(`Cannot open ${size} bytes, expected a whole number`)
  requireHeader(size)
  const body = size - headerBytes
  const last = Math.floor(body / sealedChunkBytes)
  requireChunkNumber(last)
  requireLastChunk(last, body % sealedChunkBytes)
  return last * chunkBytes + (body % sealedChunkBytes) - tagBytes
}

/** Where sealed chunk `number` starts. */
export function chunkOffset(number: number): number {
  return headerBytes + number * sealedChunkBytes
}

/**
 * Requires a whole header.
 *
 * @throws {OperationError} `truncated`.
 */
export function requireHeader(size: number): void {
  if (size < headerBytes)
    throw sealingError(
      'truncated',
      `Cannot open the sealed object: got ${size} bytes, its header alone has ${headerBytes}; fetch it again`,
    )
}

/**
 * Requires that chunk `number`, of `size` sealed bytes with its tag, can be the last one.
 *
 * @throws {OperationError} `truncated`.
 */
export function requireLastChunk(number: number, size: number): void {
  if (size >= tagBytes) return
  throw sealingError(
    'truncated',
    `Cannot open chunk ${number} of the sealed object at byte ${chunkOffset(number)}: it is the last one, and ` +
      `${size} bytes of it are there, at least ${tagBytes} are needed; fetch the object again`,
  )
}

/**
 * Requires a chunk number that the nonce has room for.
 *
 * @throws {OperationError} `too-large`.
 */
export function requireChunkNumber(number: number): void {
  if (number < chunksMax) return
  throw sealingError(
    'too-large',
    `Cannot use chunk ${number} in a sealed object: it may have ${chunksMax} chunks (4 PiB); split the data`,
  )
}
