import type { Readable, Writable } from 'node:stream'
import { MalformedError, OperationError } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'
import { encodeFrame, FrameDecoder } from './frame.ts'
import {
  readEngineMessage,
  writeEngineRequest,
  type EngineInput,
  type EngineMessage,
} from './messages.ts'

/** The pipes of an engine that was started, sandboxed or not. */
export type EnginePipes = { readonly stdin: Writable; readonly stdout: Readable }

/**
 * Asks a started engine to run `app` and waits for its last message. The engine is believed nothing: sizes and counts
 * are checked against the manifest, and progress only goes up. Killing the process on time is the caller's.
 *
 * @throws {OperationError} `engine-silent` where the engine ends without a last message.
 * @throws {MalformedError} where it does not keep to the protocol.
 */
export async function askEngine(
  pipes: EnginePipes,
  app: AppManifest,
  inputs: readonly EngineInput[],
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Exclude<EngineMessage, { kind: 'progress' }>> {
  const request = encodeFrame(writeEngineRequest(app, inputs), ...inputs.map(({ bytes }) => bytes))
  // A child that dies early breaks the pipe: that shows up as missing output, with a better name.
  pipes.stdin.on('error', () => {})
  for (const part of request) pipes.stdin.write(part)
  pipes.stdin.end()

  const payloadBytesMax = app.outputs.reduce((sum, { bytesMax }) => sum + bytesMax, 0)
  const decoder = new FrameDecoder(payloadBytesMax)
  let progress = 0
  for await (const piece of pipes.stdout) {
    if (!(piece instanceof Uint8Array)) continue
    for (const frame of decoder.push(piece)) {
      const message = readEngineMessage(frame, app)
      if (message.kind !== 'progress') return message
      if (message.done <= progress)
        throw new MalformedError('progress', 0, `got ${message.done} after ${progress}`)
      progress = message.done
      onProgress(message.done, message.total)
    }
  }
  throw new OperationError(
    'engine-silent',
    'The engine ended without a result: it was killed, or ran out of memory or time',
  )
}
