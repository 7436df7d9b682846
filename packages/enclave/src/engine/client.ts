import type { Readable, Writable } from 'node:stream'
import { assert, MalformedError, OperationError, type Bytes } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'
import { manifestOfStage, type FederatedStage } from './federated-stage.ts'
import { encodeFrame, FrameDecoder } from './frame.ts'
import {
  engineLimits,
  readEngineMessage,
  writeEngineRequest,
  type EngineInput,
  type EngineMessage,
  type EngineRead,
  type PrivacySpent,
} from './messages.ts'

/** The pipes of an engine that was started, sandboxed or not. */
export type EnginePipes = { readonly stdin: Writable; readonly stdout: Readable }

/** What an engine is asked beside its app and inputs. */
export type EngineAsk = {
  readonly recordsMin?: number
  /** For an app of kind `federated`. */
  readonly stage?: FederatedStage
  /** The most that a private app may spend; nothing, where nothing is said. */
  readonly budget?: PrivacySpent | undefined
  readonly onProgress?: (done: number, total: number) => void
}

const noBudget: PrivacySpent = { epsilonMicros: 0n, deltaPicos: 0n }

/**
 * An input could not be read while the engine ran. Unlike everything else that goes wrong then, this hangs on what the host gave
 * and on nothing that the engine did.
 */
export class InputUnreadable extends Error {
  override readonly name = 'InputUnreadable'
}

/**
 * Asks a started engine to run an app and waits for its last message, handing it the ranges of inputs that it asks for. The
 * engine is believed nothing: sizes, ranges and counts are checked against manifest and inputs, and progress only goes up. Killing the
 * process on time is the caller's.
 *
 * @throws {OperationError} `engine-silent` where the engine ends without a last message.
 * @throws {MalformedError} where it does not keep to the protocol.
 * @throws {InputUnreadable} with what reading an input threw as its cause.
 */
export async function askEngine(
  pipes: EnginePipes,
  whole: AppManifest,
  given: readonly EngineInput[],
  { recordsMin = 0, stage, budget = noBudget, onProgress = () => {} }: EngineAsk = {},
): Promise<Exclude<EngineMessage, { kind: 'progress' }>> {
  const app = stage === undefined ? whole : manifestOfStage(whole, stage)
  // A child that dies early breaks the pipe: that shows up as missing output, with a better name.
  pipes.stdin.on('error', () => {})
  const inputs = await Promise.all(given.map(inlineWhereSmall))
  await write(
    pipes.stdin,
    encodeFrame(
      writeEngineRequest(whole, inputs, recordsMin, stage, budget),
      ...inputs.flatMap((input) => ('bytes' in input ? [input.bytes] : [])),
    ),
  )
  const payloadBytesMax = app.outputs.reduce((sum, { bytesMax }) => sum + bytesMax, 0)
  const decoder = new FrameDecoder(payloadBytesMax)
  let progress = 0
  for await (const piece of pipes.stdout) {
    if (!(piece instanceof Uint8Array)) continue
    for (const frame of decoder.push(piece)) {
      const message = readEngineMessage(frame, app, inputs)
      if (message.kind === 'read') await answer(pipes.stdin, inputs, message)
      else if (message.kind !== 'progress') {
        pipes.stdin.end()
        wipeCopies(given, inputs)
        return message
      } else {
        if (message.done <= progress)
          throw new MalformedError('progress', 0, `got ${message.done} after ${progress}`)
        progress = message.done
        onProgress(message.done, message.total)
      }
    }
  }
  throw new OperationError(
    'engine-silent',
    'The engine ended without a result: it was killed, or ran out of memory or time',
  )
}

async function inlineWhereSmall(input: EngineInput): Promise<EngineInput> {
  if ('bytes' in input || input.size > engineLimits.inlineBytesMax) return input
  return { role: input.role, bytes: await readInput(input.read, 0, input.size) }
}

// Made here from what is read in ranges, so nobody else wipes them.
function wipeCopies(given: readonly EngineInput[], inputs: readonly EngineInput[]): void {
  for (const [index, input] of inputs.entries())
    if (input !== given[index] && 'bytes' in input) input.bytes.fill(0)
}

async function answer(
  stdin: Writable,
  inputs: readonly EngineInput[],
  { input: place, offset, length }: EngineRead,
): Promise<void> {
  const input = inputs[place]
  assert(input !== undefined && !('bytes' in input), 'a range was checked when it was read')
  const bytes = await readInput(input.read, offset, length)
  await write(stdin, encodeFrame({ kind: 'bytes', input: place, offset }, bytes))
  bytes.fill(0)
}

async function readInput(
  read: (offset: number, length: number) => Promise<Bytes>,
  offset: number,
  length: number,
): Promise<Bytes> {
  const bytes = await read(offset, length).catch((cause: unknown) => {
    throw new InputUnreadable('Cannot read an input', { cause })
  })
  if (bytes.length === length) return bytes
  throw new InputUnreadable(`Cannot read an input: got ${bytes.length} bytes of ${length}`)
}

// Waits until the pipe has taken everything: then the bytes are the system's, and ours can be wiped. A pipe that broke is told by
// the missing answer.
async function write(stdin: Writable, parts: readonly Uint8Array[]): Promise<void> {
  await Promise.all(
    parts.map((part) => new Promise<void>((resolve) => stdin.write(part, () => resolve()))),
  )
}
