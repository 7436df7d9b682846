import { concatBytes, encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import type { Address, Hex } from 'viem'

const separator = new Uint8Array(1)

/** What a sealed asset is bound to. Spec: docs/protocol.md section 2a. */
export function assetContext(owner: Address, salt: Hex): Bytes {
  return concatBytes(
    encodeUtf8('cloister/asset/1'),
    separator,
    parseHex(owner, 'owner'),
    parseHex(salt, 'salt'),
  )
}

/** What a sealed output is bound to. Spec: docs/protocol.md section 2a. */
export function outputContext(task: Hex, attempt: number): Bytes {
  return concatBytes(encodeUtf8('cloister/output/1'), separator, outputAad(task, attempt))
}

/** What the envelope of an output's key is bound to. Spec: docs/protocol.md section 2a. */
export function outputAad(task: Hex, attempt: number): Bytes {
  return concatBytes(parseHex(task, 'task'), u32be(attempt))
}

/** Four bytes, big-endian. */
export function u32be(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}
