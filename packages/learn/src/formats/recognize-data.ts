import { encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'

import { summarizeArrowFile, summarizeArrowStream } from './arrow-summary.ts'
import { summarizeCsv } from './csv-summary.ts'
import type { DataReader } from './data-reader.ts'
import type { DataSummary } from './data-summary.ts'
import { summarizeGguf } from './gguf-summary.ts'
import { summarizeOnnx } from './onnx-summary.ts'
import { summarizeParquet } from './parquet-summary.ts'
import { summarizeSafetensors } from './safetensors-summary.ts'

const headBytes = 64

/** What is compressed as a whole, by its first bytes, and how it is undone. */
const compressed: readonly (readonly [string, readonly number[], string])[] = [
  ['gzip', [0x1f, 0x8b], 'gunzip'],
  ['zip', [0x50, 0x4b, 0x03, 0x04], 'unzip'],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd], 'unzstd'],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a], 'unxz'],
  ['bzip2', [0x42, 0x5a, 0x68], 'bunzip2'],
]

/**
 * Recognises a file by its own bytes and says what it looks like: CSV, Parquet, Arrow IPC, safetensors, ONNX or GGUF. Reads a few mebibytes at
 * most, of a file of any size. Anything else is `unknown`.
 *
 * @throws {MalformedError} where a file is of a known format and not in order, and on compressed files, which no app opens: with the next step.
 */
export async function recognizeData(reader: DataReader, name = ''): Promise<DataSummary> {
  const head = await reader.read(0, Math.min(headBytes, reader.size))
  const found = compressed.find(([, magic]) => startsWith(head, magic))
  if (found !== undefined)
    throw new MalformedError(
      'file',
      0,
      `it is compressed (${found[0]}), and no app opens that: apps read in the middle; run ${found[2]} first, or use Parquet, which compresses inside`,
    )
  if (reader.size === 0) return { format: 'unknown', detail: 'an empty file' }
  if (startsWith(head, ascii('PAR1')) || startsWith(head, ascii('PARE')))
    return summarizeParquet(reader)
  if (startsWith(head, ascii('ARROW1'))) return summarizeArrowFile(reader)
  if (startsWith(head, ascii('GGUF'))) return summarizeGguf(reader)
  if (startsWith(head, [0xff, 0xff, 0xff, 0xff])) return summarizeArrowStream(reader)
  if (isSafetensors(head, reader.size)) return summarizeSafetensors(reader)
  if (/\.onnx$/i.test(name) || isOnnx(head)) return summarizeOnnx(reader)
  return (
    (await summarizeCsv(reader)) ?? { format: 'unknown', detail: 'of no format that is known here' }
  )
}

// A length of a header that the file has room for, then JSON.
function isSafetensors(head: Bytes, size: number): boolean {
  if (head.length < 10 || head[8] !== 0x7b) return false
  const length = new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true)
  return length >= 2n && (length <= BigInt(size) || head[5] === 0)
}

// ModelProto starts with ir_version, a small number, and then names its producer, operator sets or graph.
function isOnnx(head: Bytes): boolean {
  const [tag, version, next] = head
  const follows = next === 0x12 || next === 0x3a || next === 0x42 || next === 0x1a
  return tag === 0x08 && version !== undefined && version >= 1 && version <= 32 && follows
}

function startsWith(bytes: Bytes, magic: readonly number[]): boolean {
  return bytes.length >= magic.length && magic.every((byte, index) => bytes[index] === byte)
}

function ascii(text: string): readonly number[] {
  return Array.from(encodeUtf8(text))
}
