import { concatBytes, type Bytes } from '@cloister/codec'

/**
 * Hands out each event once all of it is there, and says that the stream is done only once its end was checked: an app may put that word
 * beside others, or in two pieces.
 */
export function wholeEvents(
  body: AsyncIterable<Bytes>,
  describe: (error: unknown) => { readonly code: string; readonly message: string },
): ReadableStream<Bytes> {
  const pieces = body[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  let pending: Bytes = new Uint8Array(0)
  return new ReadableStream<Bytes>({
    async pull(controller) {
      try {
        for (;;) {
          const next = await pieces.next()
          if (next.done === true) {
            if (pending.length > 0) controller.enqueue(pending)
            controller.close()
            return
          }
          pending = concatBytes(pending, next.value)
          const ready = readyBytes(pending)
          if (ready === 0) continue
          controller.enqueue(pending.slice(0, ready))
          pending = pending.slice(ready)
          return
        }
      } catch (error) {
        const { code, message } = describe(error)
        const text = JSON.stringify({ error: { message, type: 'server_error', param: null, code } })
        controller.enqueue(encoder.encode(`data: ${text}\n\n`))
        controller.close()
      }
    },
    async cancel() {
      await pieces.return?.(undefined)
    },
  })
}

/** How many bytes are whole events before the one that ends the stream. */
function readyBytes(pending: Bytes): number {
  // One character for each byte, so that places in the text are places in the bytes.
  const text = new TextDecoder('latin1').decode(pending)
  const end = text.search(/^data: ?\[DONE\]/m)
  const whole = text.lastIndexOf('\n\n') + 2
  return end >= 0 && end < whole ? end : whole < 2 ? 0 : whole
}
