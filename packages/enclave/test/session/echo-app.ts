import { PassThrough } from 'node:stream'

import { encodeUtf8 } from '@cloister/codec'

import { encodeFrame, FrameDecoder, frameLimits } from '../../src/engine/frame.ts'
import {
  readToApp,
  writeFromApp,
  type FromApp,
  type ToApp,
} from '../../src/session/app-messages.ts'

type Request = Extract<ToApp, { readonly kind: 'request' }>

/** How one request is answered: by what it says through `say`. */
export type Answering = (
  request: Request,
  body: Uint8Array,
  say: (message: FromApp) => void,
  cancelled: () => boolean,
) => Promise<void> | void

/** Answers with the body it got; a unit per byte of it. */
export const echo: Answering = ({ id }, body, say) => {
  say({ kind: 'head', id, status: 200, headers: { 'content-type': 'text/plain' } })
  say({ kind: 'data', id, body: body.slice() })
  say({ kind: 'end', id, units: body.length })
}

/** An app in this process, over streams as a sandbox has them. */
export function startEchoApp(answering: Answering = echo) {
  const stdin = new PassThrough()
  const stdout = new PassThrough()
  const say = (message: FromApp): void => {
    const payload = message.kind === 'data' ? [message.body] : []
    for (const part of encodeFrame(writeFromApp(message), ...payload)) stdout.write(part)
  }
  const decoder = new FrameDecoder(frameLimits.payloadBytesMax)
  const cancelled = new Set<number>()
  let missing = 0
  stdin.on('data', (piece: Buffer) => {
    for (const frame of decoder.push(new Uint8Array(piece))) {
      const message = readToApp(frame)
      if (message.kind === 'start') {
        missing = message.inputs.reduce((sum, { size }) => sum + size, 0)
        if (missing === 0) say({ kind: 'ready' })
      } else if (message.kind === 'cancel') cancelled.add(message.id)
      else if (message.kind === 'part') {
        missing -= frame.payload.length
        if (missing === 0) say({ kind: 'ready' })
      } else void answering(message, frame.payload, say, () => cancelled.has(message.id))
    }
  })
  return { stdin, stdout, die: () => stdout.end(), say, text: encodeUtf8 }
}
