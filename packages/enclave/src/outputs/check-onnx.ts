import { MalformedError, type Bytes } from '@cloister/codec'
import { scanOnnx } from '@cloister/learn'

/** Asserts that bytes are an ONNX file that holds all that it names. @throws {MalformedError} naming `field`. */
export function checkOnnx(field: string, bytes: Bytes): void {
  try {
    scanOnnx(bytes)
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw new MalformedError(field, cause.offset, cause.message, { cause })
  }
}
