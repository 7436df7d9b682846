import type { Readable, Writable } from 'node:stream'
import { once } from 'node:events'
import { MalformedError, type Bytes } from '@cloister/codec'
import { JsonFields, type Runtime } from '@cloister/learn'
import { EngineFailure } from './failure.ts'
import { encodeFrame, type Frame } from './frame.ts'
import { FrameReader } from './frame-reader.ts'
import {
  engineLimits,
  readEngineRequest,
  writeEngineMessage,
  type EngineMessage,
  type EngineRead,
} from './messages.ts'
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
const requestBytesMax = 128 * engineLimits.inlineBytesMax

/**
 * Reads one request, runs it, asking for ranges of its inputs as it goes, writes progress and one last message. Returns whether
 * that was a result.
 */
export async function serveOne(process: EngineProcess): Promise<boolean> {
  const last = await answer(process).catch(toFailure)
  await write(process.output, last)
  return last.kind === 'result'
}

async function answer({ input, output, runtime, clock }: EngineProcess): Promise<EngineMessage> {
  const frames = new FrameReader(input, requestBytesMax)
  const first = await frames.next()
  if (first === undefined) throw new MalformedError('request', 0, 'ends before it is complete')
  const request = readEngineRequest(first, inOrder(frames, output))
  let written = { at: clock(), percent: 0 }
  return runApp(request, await runtime(), (percent) => {
    const now = { at: clock(), percent: Math.min(99, Math.floor(percent)) }
    if (now.at - written.at < progressMilliseconds || now.percent <= written.percent) return
    written = now
    const message = { kind: 'progress', done: now.percent, total: 100 } as const
    for (const part of encodeFrame(writeEngineMessage(message))) output.write(part)
  })
}

// Answers come in the order of the questions: one that is asked while another is open waits for it.
function inOrder(frames: FrameReader, output: Writable): (read: EngineRead) => Promise<Bytes> {
  let last: Promise<unknown> = Promise.resolve()
  return (read) => {
    for (const part of encodeFrame({ ...read })) output.write(part)
    const answered = last.then(async () => readAnswer(await frames.next(), read))
    last = answered.catch(() => undefined)
    return answered
  }
}

function readAnswer(frame: Frame | undefined, { input, offset, length }: EngineRead): Bytes {
  if (frame === undefined) throw new MalformedError('answer', 0, 'ends before it is complete')
  const fields = new JsonFields(frame.json, 'answer')
  fields.choice('kind', ['bytes'])
  fields.whole('input', input, input)
  fields.whole('offset', offset, offset)
  fields.end()
  if (frame.payload.length !== length)
    throw new MalformedError('answer', 0, `${frame.payload.length} bytes, asked for ${length}`)
  return frame.payload
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
