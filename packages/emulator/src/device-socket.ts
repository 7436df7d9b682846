import { concatBytes, OperationError, type Bytes } from '@cloister/codec'
import { chmod } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { socketPathBytesMax, type GuestSocket } from './guest-socket.ts'

const headBytes = 4
const messageBytesMax = 0x3000
const waitMilliseconds = 10_000

/**
 * Serves a relay of a device on a unix socket, as the enclave's drivers ask it: each message and each answer is four
 * bytes of length (big-endian) and that many bytes. What is no message of the device ends the connection.
 *
 * Whoever can open the socket is the guest: its folder must be the guest's own.
 *
 * @throws {OperationError} `guest-socket` where the socket can't be opened.
 */
export async function serveDeviceSocket(options: {
  readonly socketPath: string
  readonly answer: (message: Bytes) => Bytes
}): Promise<GuestSocket> {
  const { socketPath, answer } = options
  if (Buffer.byteLength(socketPath) > socketPathBytesMax)
    throw new OperationError(
      'guest-socket',
      `Cannot open ${socketPath}: a unix socket's path has at most ${socketPathBytesMax} bytes; choose a shorter folder`,
    )
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    serve(socket, answer)
  })
  server.maxConnections = 64
  await listen(server, socketPath)
  await chmod(socketPath, 0o600)
  return {
    socketPath,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

function serve(socket: Socket, answer: (message: Bytes) => Bytes): void {
  let received: Bytes = new Uint8Array(0)
  socket.setTimeout(waitMilliseconds, () => socket.destroy())
  socket.on('error', () => socket.destroy()) // The guest hung up: nobody waits for an answer.
  socket.on('data', (chunk) => {
    received = concatBytes(received, new Uint8Array(chunk))
    if (received.length < headBytes) return
    const size = new DataView(received.buffer).getUint32(0)
    if (size > messageBytesMax || received.length > headBytes + size) {
      socket.destroy()
      return
    }
    if (received.length < headBytes + size) return
    const answered = answer(received.slice(headBytes))
    received = new Uint8Array(0)
    const head = new Uint8Array(headBytes)
    new DataView(head.buffer).setUint32(0, answered.length)
    socket.write(concatBytes(head, answered))
  })
}

function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new OperationError('guest-socket', `Cannot open ${socketPath}`, { cause }))
    })
    server.listen(socketPath, resolve)
  })
}
