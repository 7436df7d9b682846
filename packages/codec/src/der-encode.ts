import { concatBytes, type Bytes } from './bytes.ts'

/** Writes one DER element: a tag of one octet, its length in as few as can be, its contents. Spec: X.690 section 10.1. */
export function encodeDer(tag: number, ...contents: readonly Uint8Array[]): Bytes {
  const size = contents.reduce((sum, part) => sum + part.length, 0)
  return concatBytes(Uint8Array.of(tag), lengthOctets(size), ...contents)
}

function lengthOctets(size: number): Bytes {
  if (size < 0x80) return Uint8Array.of(size)
  const octets: number[] = []
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return Uint8Array.of(0x80 + octets.length, ...octets)
}
