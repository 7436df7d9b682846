import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { encodeHex, OperationError } from '@cloister/codec'
import type { PartsList } from '@cloister/seal'

import { parseSealReport, type SealJob } from './seal-job.ts'

const program = fileURLToPath(new URL('seal-program.ts', import.meta.url))

/**
 * Seals a file into a folder, in a process of its own. Run again with the same job it goes on where it stopped.
 *
 * @throws {OperationError} `source-changed`, `disk-full`, `file-unwritable`, `folder-in-use`, `sealing-ended`.
 */
export async function sealFile(
  job: SealJob,
  onPart: (index: number, bytes: number) => void,
): Promise<{ readonly list: PartsList; readonly memoryBytes: number }> {
  const flags = ['--disable-warning=ExperimentalWarning', '--expose-gc', '--max-semi-space-size=1']
  const child = spawn(process.execPath, [...flags, program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // It needs nothing of who started it.
    env: {},
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.stdin.on('error', () => undefined) // It ended: its last line says why.
  child.stdin.write(`${encodeJob(job)}\n`)
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const report = parseSealReport(line)
      if (report.kind === 'part') onPart(report.index, report.bytes)
      else if (report.kind === 'failed') throw new OperationError(report.code, report.message)
      else {
        const { bytes, parts, memoryBytes } = report
        return { list: { bytes, parts }, memoryBytes }
      }
    }
  } finally {
    child.stdin.end()
    child.kill('SIGKILL')
    await ended
  }
  throw new OperationError(
    'sealing-ended',
    'Cannot go on sealing: its process was ended; run the same command again, it goes on where it stopped',
    { retryable: true },
  )
}

function encodeJob({ source, folder, key, context, salt }: SealJob): string {
  return JSON.stringify({
    source: { ...source, bytes: String(source.bytes) },
    folder,
    key: encodeHex(key),
    context: encodeHex(context),
    salt: encodeHex(salt),
  })
}
