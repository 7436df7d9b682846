import { open } from 'node:fs/promises'

import { parseJson, type Json } from '@cloister/codec'
import { recognizeData, sayData } from '@cloister/learn'

/**
 * What a file looks like: of JSON, and in words.
 *
 * @throws {MalformedError} where it is of a known format and not in order, or compressed.
 */
export async function describeSource(
  path: string,
): Promise<{ readonly value: Json; readonly text: string }> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const read = async (offset: number, length: number) => {
      const bytes = new Uint8Array(length)
      let at = 0
      while (at < length) {
        const { bytesRead } = await file.read(bytes, at, length - at, offset + at)
        if (bytesRead === 0) break
        at += bytesRead
      }
      return bytes
    }
    const summary = await recognizeData({ size, read }, path)
    const limits = { charactersMax: 1 << 20, depthMax: 8 }
    return {
      value: parseJson(JSON.stringify(summary), 'summary', limits),
      text: sayData(summary),
    }
  } finally {
    await file.close()
  }
}
