import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

import { OperationError, parseJson, parseUtf8, type Bytes } from '@cloister/codec'
import { JsonFields, type AppManifest } from '@cloister/learn'

import type { AppResult } from './driver.ts'

const pageBytes = 4096
const metricsFile = 'metrics.json'
const metricsBytesMax = 16_384

/** How large `/out` is: every output at its largest, and the metrics. */
export function outputFolderBytes({ outputs }: AppManifest): number {
  const pages = outputs.reduce((sum, { bytesMax }) => sum + Math.ceil(bytesMax / pageBytes) + 1, 0)
  return pages * pageBytes + 4 * metricsBytesMax
}

/**
 * Reads the declared outputs from the open `/out` of an app that has ended. What else lies there is not looked at, and no link is
 * followed.
 *
 * @throws {OperationError} `output-unusable`. @throws {MalformedError} on metrics that can't be read.
 */
export function readOutputs(folder: number, manifest: AppManifest): AppResult {
  const outputs = manifest.outputs.map(({ name, bytesMax }) => ({
    name,
    bytes: readFile(folder, name, bytesMax),
  }))
  if (manifest.metrics.length === 0) return { outputs, metrics: {} }
  const text = parseUtf8(readFile(folder, metricsFile, metricsBytesMax), 'metrics')
  const fields = new JsonFields(
    parseJson(text, 'metrics', { charactersMax: metricsBytesMax, depthMax: 1 }),
    'metrics',
  )
  const metrics = manifest.metrics.map((name) => [name, fields.number(name, -1e9, 1e9)] as const)
  fields.end()
  return { outputs, metrics: Object.fromEntries(metrics) }
}

function readFile(folder: number, name: string, bytesMax: number): Bytes {
  // Non-blocking, or a pipe in place of the file would be waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  let file
  try {
    file = openSync(`/proc/self/fd/${folder}/${name}`, flags)
  } catch (cause) {
    throw unusable(name, 'it is missing, or a link', cause)
  }
  try {
    const status = fstatSync(file)
    if (!status.isFile()) throw unusable(name, 'it is no file')
    if (status.size > bytesMax)
      throw unusable(name, `it has ${status.size} bytes, at most ${bytesMax} may leave`)
    const bytes = new Uint8Array(status.size)
    for (let at = 0; at < bytes.length;) {
      const read = readSync(file, bytes, at, bytes.length - at, at)
      if (read === 0) throw unusable(name, 'it became shorter while it was read')
      at += read
    }
    return bytes
  } finally {
    closeSync(file)
  }
}

function unusable(name: string, detail: string, cause?: unknown): OperationError {
  return new OperationError('output-unusable', `Cannot use the output ${name}: ${detail}`, {
    cause,
  })
}
