import { createHash } from 'node:crypto'

import { type Bytes } from '@cloister/codec'

/** Streams bytes in pieces of these sizes, in turn. */
export async function* pieces(object: Uint8Array, ...pieceSizes: readonly number[]) {
  await Promise.resolve()
  for (let offset = 0, index = 0; offset < object.length; index++) {
    const size = pieceSizes[index % pieceSizes.length]!
    yield object.subarray(offset, offset + size)
    offset += size
  }
}

/** Joins a stream. */
export async function collect(source: AsyncIterable<Uint8Array>): Promise<Bytes> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return bytes(Buffer.concat(parts))
}

/** What opening gave: size and SHA-512 of the plaintext, or the code of the error. */
export async function outcome(opening: Promise<Bytes>) {
  try {
    const plain = await opening
    return { size: plain.length, sha512: sha512(plain) }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause) return cause.code
    throw cause
  }
}

/** SHA-512 in hexadecimal. */
export function sha512(value: Uint8Array): string {
  return createHash('sha512').update(value).digest('hex')
}

/** Whether two byte strings are equal: quicker to fail than a matcher that prints megabytes. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/** Bytes of a hexadecimal text. */
export function hex(text: string): Bytes {
  return bytes(Buffer.from(text, 'hex'))
}

/** A copy as plain bytes. */
export function bytes(value: Iterable<number>): Bytes {
  return Uint8Array.from(value)
}
