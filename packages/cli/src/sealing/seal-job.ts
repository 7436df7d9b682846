import { MalformedError, parseHex, parseJson, type Bytes, type Json } from '@cloister/codec'

/** The file that is sealed, as it was when sealing began. */
export type SourceFile = {
  readonly path: string
  readonly bytes: number
  /** Time of its last change, in nanoseconds, as decimal text; and its number in the file system. */
  readonly changed: string
  readonly inode: string
}

/** What the sealing program is given on its standard input. It holds the key. */
export type SealJob = {
  readonly source: SourceFile
  readonly folder: string
  readonly key: Bytes
  readonly context: Bytes
  readonly salt: Bytes
}

/** One line of the sealing program: a part is on disk, all are, or it gave up. */
export type SealReport =
  | { readonly kind: 'part'; readonly index: number; readonly bytes: number }
  | {
      readonly kind: 'done'
      readonly bytes: number
      readonly parts: readonly string[]
      /** The most memory that the program held at a time. */
      readonly memoryBytes: number
    }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }

/** Reads the job. @throws {MalformedError}. */
export function parseSealJob(text: string): SealJob {
  const job = record(parseJson(text, 'job', { charactersMax: 1 << 20, depthMax: 4 }), 'job')
  const source = record(job['source'] ?? null, 'source')
  return {
    source: {
      path: textOf(source, 'path'),
      bytes: Number(textOf(source, 'bytes')),
      changed: textOf(source, 'changed'),
      inode: textOf(source, 'inode'),
    },
    folder: textOf(job, 'folder'),
    key: parseHex(textOf(job, 'key'), 'key'),
    context: parseHex(textOf(job, 'context'), 'context'),
    salt: parseHex(textOf(job, 'salt'), 'salt'),
  }
}

/** Reads one line of the program's. @throws {MalformedError}. */
export function parseSealReport(line: string): SealReport {
  const limits = { charactersMax: 8 << 20, depthMax: 3 }
  const report = record(parseJson(line, 'report', limits), 'report')
  const kind = textOf(report, 'kind')
  if (kind === 'failed')
    return { kind, code: textOf(report, 'code'), message: textOf(report, 'message') }
  const bytes = numberOf(report, 'bytes')
  if (kind === 'part') return { kind, index: numberOf(report, 'index'), bytes }
  const parts = report['parts']
  if (kind !== 'done' || !isList(parts)) throw new MalformedError('report', 0, 'of no known kind')
  return {
    kind,
    bytes,
    parts: parts.filter((part) => typeof part === 'string'),
    memoryBytes: numberOf(report, 'memoryBytes'),
  }
}

function record(json: Json, name: string): { readonly [key: string]: Json } {
  if (typeof json === 'object' && json !== null && !isList(json)) return json
  throw new MalformedError(name, 0, 'not an object')
}

function textOf(from: { readonly [key: string]: Json }, name: string): string {
  const value = from[name]
  if (typeof value === 'string') return value
  throw new MalformedError(name, 0, 'not a text')
}

function numberOf(from: { readonly [key: string]: Json }, name: string): number {
  const value = from[name]
  if (typeof value === 'number') return value
  throw new MalformedError(name, 0, 'not a number')
}

function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json)
}
