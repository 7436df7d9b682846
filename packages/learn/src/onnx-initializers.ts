import type { Bytes } from '@cloister/codec'
import { graphInitializers } from './onnx-scan.ts'
import { scanTensor, tensorFloats } from './onnx-scan-tensor.ts'

/**
 * Every trained number of a classifier, in the order of the file.
 *
 * @throws {MalformedError} as `scanModel`.
 */
export function readInitializers(bytes: Bytes): readonly number[] {
  return graphInitializers(bytes)
    .map((slice) => scanTensor(slice))
    .filter(({ element }) => element === 'float32')
    .flatMap((tensor) => [...tensorFloats(tensor)])
}
