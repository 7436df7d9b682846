import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'

import type { Bytes } from '@cloister/codec'

import { encodeFrame, FrameDecoder, frameLimits } from '../engine/frame.ts'
import {
  appMessageLimits,
  readToApp,
  writeFromApp,
  type AppInputSize,
  type FromApp,
} from './app-messages.ts'

/** One request, as a session hands it to its app. */
export type AppCall = {
  readonly method: string
  readonly path: string
  readonly body: Bytes
  /** The most units that there is money for. */
  readonly unitsMax: number
  readonly cancelled: () => boolean
}

/** Where an app's answer goes, piece by piece. `data` may ask to wait. */
export type AppReply = {
  readonly head: (status: number, headers: Readonly<Record<string, string>>) => void
  readonly data: (bytes: Bytes) => Promise<void>
}

/** What an app does with a session: takes its inputs piece by piece, prepares itself, then answers requests; gives the units that each used. */
export type SessionApp = {
  readonly part: (role: string, bytes: Bytes) => void
  readonly ready: () => Promise<void>
  readonly answer: (call: AppCall, reply: AppReply) => Promise<number>
}

/** Serves a session over a pair of pipes until the input ends. @throws where the session does not keep to the protocol. */
export async function serveSession(
  input: Readable,
  output: Writable,
  app: SessionApp,
): Promise<void> {
  const decoder = new FrameDecoder(frameLimits.payloadBytesMax)
  const cancelled = new Set<number>()
  const open = new Set<number>()
  const write = async (message: FromApp, payload?: Bytes): Promise<void> => {
    let room = true
    for (const part of encodeFrame(writeFromApp(message), ...(payload ? [payload] : [])))
      room = output.write(part)
    if (!room) await once(output, 'drain')
  }
  const answerOne = async (id: number, request: Omit<AppCall, 'cancelled'>): Promise<void> => {
    open.add(id)
    const units = await app.answer(
      { ...request, cancelled: () => cancelled.has(id) },
      {
        head: (status, headers) => void write({ kind: 'head', id, status, headers }),
        data: async (bytes) => {
          for (let at = 0; at < bytes.length; at += appMessageLimits.dataBytesMax) {
            const body = bytes.subarray(at, at + appMessageLimits.dataBytesMax)
            await write({ kind: 'data', id, body }, body)
          }
        },
      },
    )
    open.delete(id)
    cancelled.delete(id)
    await write({ kind: 'end', id, units })
  }
  const becomeReady = async (): Promise<void> => {
    await app.ready()
    await write({ kind: 'ready' })
  }
  let inputs: readonly AppInputSize[] = []
  let missing = 0
  for await (const piece of input) {
    if (!(piece instanceof Uint8Array)) throw new TypeError('Cannot read anything but bytes')
    for (const frame of decoder.push(piece)) {
      const message = readToApp(frame)
      if (message.kind === 'start') {
        inputs = message.inputs
        missing = inputs.reduce((sum, { size }) => sum + size, 0)
        if (missing === 0) await becomeReady()
      } else if (message.kind === 'part') {
        app.part(inputs[message.input]?.role ?? '', frame.payload)
        missing -= frame.payload.length
        if (missing === 0) await becomeReady()
      } else if (message.kind === 'cancel') {
        if (open.has(message.id)) cancelled.add(message.id)
      } else {
        const { id, method, path, unitsMax } = message
        // Side by side with the next one: a model list need not wait for an answer that streams.
        answerOne(id, { method, path, unitsMax, body: frame.payload }).catch(() => process.exit(1))
      }
    }
  }
}
