import { concatBytes, encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'
import {
  inferenceGraph,
  initialParameters,
  noNormalisation,
  readerOf,
  recognizeData,
  sayData,
  type DataReader,
} from '@cloister/learn'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { arrowFile, arrowStream, bytes, gguf, parquet, safetensors, u32, u64 } from './writers.ts'

const csv = 'age,weight,name,seen\n12,40.5,"a, b",2026-01-02\n13,,"say ""x""",2026-01-03\n'
const tensors = {
  __metadata__: { made: 'here' },
  x: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
  y: { dtype: 'I64', shape: [2], data_offsets: [24, 40] },
}
const model = { kind: 'logistic', features: 3, classes: ['no', 'yes'] } as const
const onnx = inferenceGraph(model, initialParameters(model, 1), noNormalisation(3))

const recognize = (file: Bytes, name?: string) => recognizeData(readerOf(file), name)

describe('a file is recognised by its own bytes:', () => {
  test('CSV with a header, types, empty cells and quotes', async () => {
    expect(await recognize(encodeUtf8(csv))).toEqual({
      ...{ format: 'csv', separator: ',', header: true, columnCount: 4 },
      ...{ rowsSampled: 2, rowsEstimated: 2 },
      columns: [
        { name: 'age', type: 'integer', nullable: false },
        { name: 'weight', type: 'number', nullable: true },
        { name: 'name', type: 'text', nullable: false },
        { name: 'seen', type: 'date', nullable: false },
      ],
    })
  })

  test('CSV of numbers alone, which has no header, and another separator', async () => {
    const summary = await recognize(encodeUtf8('1;2\n3;4\n5;6'))
    expect(summary).toMatchObject({ separator: ';', header: false, rowsEstimated: 3 })
  })

  test('a CSV of gigabytes, of which a mebibyte is read', async () => {
    const line = encodeUtf8('1000000,2000000,yes\n')
    const size = 5 * 2 ** 30
    let read = 0
    const reader: DataReader = {
      size,
      read: (offset, length) => {
        read += length
        const at = (index: number) => line[(offset + index) % line.length]!
        return Promise.resolve(Uint8Array.from({ length }, (_, index) => at(index)))
      },
    }
    const summary = await recognizeData(reader)
    expect(summary).toMatchObject({ format: 'csv', rowsSampled: 1001 })
    expect(summary.format === 'csv' ? summary.rowsEstimated / (size / line.length) : 0).toBeCloseTo(
      1,
      2,
    )
    expect(read).toBeLessThan(2 << 20)
  })

  test('Parquet by its footer', async () => {
    expect(await recognize(parquet())).toEqual({
      ...{ format: 'parquet', rows: 30, rowGroups: 2, compression: ['zstd'], columnCount: 3 },
      writtenBy: 'test writer',
      columns: [
        { name: 'age', type: 'int32', nullable: true },
        { name: 'name', type: 'text', nullable: true },
        { name: 'visit.weight', type: 'double', nullable: true },
      ],
    })
  })

  const arrowColumns = [
    { name: 'age', type: 'int32', nullable: true },
    { name: 'name', type: 'text', nullable: true },
    { name: 'values', type: 'list', nullable: true },
    { name: 'values.item', type: 'float64', nullable: true },
  ]

  test('Arrow files and streams by their schema', async () => {
    expect(await recognize(arrowFile())).toEqual({
      ...{ format: 'arrow-file', rows: 7, batches: 1, columnCount: 4 },
      columns: arrowColumns,
    })
    expect(await recognize(arrowStream())).toEqual({
      ...{ format: 'arrow-stream', columnCount: 4 },
      columns: arrowColumns,
    })
  })

  test('safetensors by its header', async () => {
    expect(await recognize(safetensors(tensors, 40))).toEqual({
      ...{ format: 'safetensors', tensorCount: 2, parameters: 8 },
      tensors: [
        { name: 'x', type: 'F32', shape: [2, 3] },
        { name: 'y', type: 'I64', shape: [2] },
      ],
    })
  })

  test('ONNX by its graph', async () => {
    const summary = await recognize(onnx, 'model.onnx')
    expect(summary).toMatchObject({
      format: 'onnx',
      inputs: [{ type: 'float32', shape: [expect.anything(), 3] }],
      opsets: [{ domain: 'ai.onnx', version: 17 }],
    })
    expect(summary.format === 'onnx' ? summary.parameters : 0).toBeGreaterThanOrEqual(8)
    expect(await recognize(onnx)).toEqual(summary)
  })

  test('GGUF by its metadata', async () => {
    expect(await recognize(gguf())).toEqual({
      ...{ format: 'gguf', version: 3, architecture: 'llama', name: 'small', tensorCount: 2 },
      ...{ parameters: 2080, types: { Q4_0: 2048, F32: 32 }, quantisation: 'Q4_0' },
      contextLength: 2048,
    })
  })

  test.for([
    ['random bytes', bytes(200, 1, 2, 3, 250, 251)],
    ['nothing', bytes()],
    ['plain words', encodeUtf8('once upon a time\nthere was')],
  ] as const)('%s are unknown', async ([, file]) => {
    expect(await recognize(file)).toMatchObject({ format: 'unknown' })
  })

  test('each says itself in one line', async () => {
    const files = [encodeUtf8(csv), parquet(), arrowFile(), safetensors(tensors, 40), onnx, gguf()]
    const said = await Promise.all(files.map(async (file) => sayData(await recognize(file))))
    expect(said[1]).toBe(
      'Parquet (zstd), 30 rows, 3 columns (age int32, name text, visit.weight double)',
    )
    expect(said[5]).toBe('GGUF, llama, Q4_0, 2080 parameters')
    for (const line of said) expect(line).not.toContain('\n')
  })
})

const withFooter = (footer: Bytes): Bytes =>
  concatBytes(encodeUtf8('PAR1'), footer, u32(footer.length), encodeUtf8('PAR1'))
const tensor = (change: object) => safetensors({ x: { ...tensors.x, ...change } }, 24)

describe('what lies is refused with what is wrong and what to do:', () => {
  const lies: readonly (readonly [string, Bytes, RegExp])[] = [
    ['gzip', bytes(0x1f, 0x8b, 8, 0), /compressed \(gzip\).*gunzip first/],
    ['zip', encodeUtf8('PK\u0003\u0004'), /compressed \(zip\).*unzip/],
    [
      'a CSV with a short row',
      encodeUtf8('a,b\n1,2\n3\n4,5\n'),
      /csv row 3 .*1 columns, the first row has 2/,
    ],
    ['a CSV with too many columns', encodeUtf8('1,'.repeat(30_000)), /at most 20000/],
    ['a cut Parquet', parquet().slice(0, -1), /does not end with PAR1/],
    [
      'an encrypted Parquet',
      concatBytes(encodeUtf8('PARE'), u32(0), encodeUtf8('PARE')),
      /encrypted/,
    ],
    [
      'a Parquet whose footer is longer than it',
      withFooter(bytes(0)).map((byte, at) => (at === 5 ? 255 : byte)),
      /footer length/,
    ],
    ['a Parquet whose rows lie', parquet([10, 20], { total: 31 }), /31, its row groups have 30/],
    [
      'a Parquet column outside of the file',
      parquet([10], { start: 9999 }),
      /lies outside of the file/,
    ],
    [
      'a Parquet bomb of nesting',
      withFooter(new Uint8Array(10_000).fill(0x1c)),
      /nested deeper than 32/,
    ],
    [
      'a Parquet list of 2^60 items',
      withFooter(bytes(0x29, 0xf6, ...Array<number>(8).fill(255), 1)),
      /more than are left|claims/,
    ],
    ['an Arrow file that was cut', arrowFile().slice(0, -2), /does not end with ARROW1/],
    [
      'an Arrow footer of other bytes',
      arrowFile().map((byte, at, all) => (at > 150 && at < all.length - 10 ? 255 : byte)),
      /points outside/,
    ],
    ['a safetensors header beyond the file', concatBytes(u64(5000), encodeUtf8('{}')), /header/],
    [
      'a safetensors header of 2^60 bytes',
      concatBytes(
        u64(2n ** 60n).map((byte, at) => (at === 5 ? 0 : byte)),
        encodeUtf8('{"'),
      ),
      /at most 33554432/,
    ],
    [
      'a tensor of another size',
      tensor({ shape: [2, 4] }),
      /24 bytes, its shape and dtype make 32/,
    ],
    ['a tensor of 2^80 values', tensor({ shape: [2 ** 40, 2 ** 40] }), /its shape and dtype make/],
    [
      'tensors with a gap',
      safetensors({ x: { ...tensors.x, data_offsets: [8, 32] } }, 32),
      /starts at byte 8, expected 0/,
    ],
    [
      'bytes that no tensor has',
      safetensors({ x: tensors.x }, 25),
      /25 bytes, the tensors have 24/,
    ],
    ['an unknown dtype', tensor({ dtype: 'F99' }), /unknown dtype/],
    ['a GGUF tensor beyond the file', gguf({ offset: 99_999 }), /it was cut/],
    [
      'a GGUF that claims 2^40 entries',
      gguf({ entries: 2 ** 40 }),
      /metadata count.*at most 65536/,
    ],
    [
      'a GGUF of another version',
      gguf().map((byte, at) => (at === 4 ? 9 : byte)),
      /got 9, expected 2 or 3/,
    ],
    [
      'GGUF lists in lists',
      gguf({
        entries: 5,
        more: concatBytes(
          u64(1),
          encodeUtf8('k'),
          u32(9),
          ...Array.from({ length: 50 }, () => concatBytes(u32(9), u64(1))),
        ),
      }),
      /nested deeper than 4/,
    ],
    ['an ONNX without a graph', bytes(0x08, 8, 0x42, 2, 0x10, 17), /0 graphs/],
    [
      'an ONNX field beyond its message',
      concatBytes(bytes(0x08, 8, 0x3a, 0xff, 0xff, 0xff, 0x0f), bytes(1)),
      /with 33554431 of/,
    ],
  ]

  test.for(lies)('%s', async ([, file, message]) => {
    const outcome = await recognize(file).then(
      (summary) => summary.format,
      (error: unknown) => error,
    )
    expect(outcome).toBeInstanceOf(MalformedError)
    expect(String(outcome)).toMatch(message)
  })
})

test.for([
  ['csv', encodeUtf8(csv)],
  ['parquet', parquet()],
  ['arrow-file', arrowFile()],
  ['arrow-stream', arrowStream()],
  ['safetensors', safetensors(tensors, 40)],
  ['onnx', onnx],
  ['gguf', gguf()],
] as const)(
  'a %s file that was changed anywhere is a summary or a named error, at once',
  async ([, file]) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(file.length),
        async (changes, cut) => {
          const changed = file.slice(0, Math.max(cut, file.length >> 1))
          for (const [at, byte] of changes) if (at < changed.length) changed[at] = byte
          const startedAt = performance.now()
          const error: unknown = await recognize(changed).then(
            () => undefined,
            (cause: unknown) => cause,
          )
          expect(error === undefined || error instanceof MalformedError ? '' : error).toBe('')
          expect(performance.now() - startedAt).toBeLessThan(2_000)
        },
      ),
      { numRuns: 1500 },
    )
  },
)
