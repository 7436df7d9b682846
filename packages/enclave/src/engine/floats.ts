import { MalformedError, type Bytes } from '@cloister/codec'

/** Little-endian float32, whatever this machine's order is. */
export function floatsToBytes(values: Float32Array): Bytes {
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  values.forEach((value, index) => view.setFloat32(index * 4, value, true))
  return bytes
}

/** @throws {MalformedError} where the size is no multiple of four. */
export function bytesToFloats(bytes: Bytes, name: string): Float32Array<ArrayBuffer> {
  if (bytes.length % 4 !== 0)
    throw new MalformedError(name, 0, `${bytes.length} bytes are no float32 values`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) =>
    view.getFloat32(index * 4, true),
  )
}
