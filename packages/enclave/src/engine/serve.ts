import type { Readable, Writable } from 'node:stream'
import { once } from 'node:events'
import { MalformedError } from '@cloister/codec'
import type { Runtime } from '@cloister/learn'
import { EngineFailure } from './failure.ts'
import { encodeFrame, FrameDecoder, frameLimits, type Frame } from './frame.ts'
import { readEngineRequest, writeEngineMessage, type EngineMessage } from './messages.ts'
import { runApp } from './run-app.ts'

/** What an engine needs from its process. */
export type EngineProcess = {
  readonly input: Readable
  readonly output: Writable
  readonly runtime: () => Promise<Runtime>
  /** Milliseconds that only ever grow. */
  readonly clock: () => number
}

const progressMilliseconds = 250

/** Reads one request, runs it, writes progress and one last message. Returns whether that was a result. */
export async function serveOne(process: EngineProcess): Promise<boolean> {
  const last = await answer(process).catch(toFailure)
  await write(process.output, last)
  return last.kind === 'result'
}

async function answer(process: EngineProcess): Promise<EngineMessage> {
  const request = readEngineRequest(await readFrame(process.input))
  let written = { at: process.clock(), percent: 0 }
  return runApp(request, await process.runtime(), (percent) => {
    const now = { at: process.clock(), percent: Math.min(99, Math.floor(percent)) }
    if (now.at - written.at < progressMilliseconds || now.percent <= written.percent) return
    written = now
    const message = { kind: 'progress', done: now.percent, total: 100 } as const
    for (const part of encodeFrame(writeEngineMessage(message))) process.output.write(part)
  })
}

async function readFrame(input: Readable): Promise<Frame> {
  const decoder = new FrameDecoder(frameLimits.payloadBytesMax)
  const frames: Frame[] = []
  for await (const piece of input) {
    frames.push(...decoder.push(toBytes(piece)))
    if (frames.length > 1 || (frames.length === 1 && decoder.pending))
      throw new MalformedError('request', 0, 'bytes after the end of the request')
  }
  const [frame] = frames
  if (frame === undefined) throw new MalformedError('request', 0, 'ends before it is complete')
  return frame
}

function toBytes(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  throw new TypeError('Cannot read a stream of anything but bytes')
}

function toFailure(cause: unknown): EngineMessage {
  if (cause instanceof EngineFailure)
    return { kind: 'failed', code: cause.code, message: cause.message, input: cause.input }
  if (cause instanceof MalformedError)
    return { kind: 'failed', code: 'bad-request', message: cause.message, input: undefined }
  const message = 'The engine failed; nothing more is said, for it could hold data'
  return { kind: 'failed', code: 'engine-failed', message, input: undefined }
}

async function write(output: Writable, message: EngineMessage): Promise<void> {
  const payload = message.kind === 'result' ? message.outputs.map(({ bytes }) => bytes) : []
  for (const part of encodeFrame(writeEngineMessage(message), ...payload))
    if (!output.write(part)) await once(output, 'drain')
  output.end()
  await once(output, 'finish')
}
