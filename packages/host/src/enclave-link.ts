import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { MalformedError, OperationError, type Bytes, type Json } from '@cloister/codec'
import {
  addressField,
  bytes32Field,
  createPeer,
  hexField,
  limits,
  nodeEvidenceField,
  publicKeyBytes,
  textField,
  type Handler,
  type NodeEvidence,
  type Peer,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

/** What an enclave says of itself when greeted. The network believes it only as far as its evidence goes. */
export type EnclaveHello = {
  readonly receiptKey: Address
  readonly sharePublicKey: Hex
  readonly machineId: Hex
  readonly measurement: Hex
  /** What confines apps; undefined where the enclave does not say. */
  readonly sandbox: string | undefined
}

const answerMs = 60_000
const connectWithinMs = 20_000
const greetWithinMs = 5_000

/** The one connection to this node's enclave. When it ends, the enclave's keys are gone with it. */
export class EnclaveLink {
  readonly hello: EnclaveHello
  /** Settles when the connection ends, with the reason. */
  readonly closed: Promise<Error>
  readonly #peer: Peer

  private constructor(peer: Peer, hello: EnclaveHello, closed: Promise<Error>) {
    this.#peer = peer
    this.hello = hello
    this.closed = closed
  }

  /**
   * Connects to the enclave's socket, waiting for it to appear, and greets.
   *
   * @throws {OperationError} `enclave-unreachable`, `enclave-refused`.
   */
  static async connect(
    socketPath: string,
    handlers: Readonly<Record<string, Handler>>,
  ): Promise<EnclaveLink> {
    const deadline = Date.now() + greetWithinMs
    for (;;) {
      try {
        return await EnclaveLink.#greet(socketPath, handlers)
      } catch (error) {
        // It may not have noticed yet that the host before this one is gone.
        if (Date.now() > deadline || !(error instanceof OperationError) || !error.retryable)
          throw error
      }
      await sleep(200)
    }
  }

  static async #greet(
    socketPath: string,
    handlers: Readonly<Record<string, Handler>>,
  ): Promise<EnclaveLink> {
    const socket = await openSocket(socketPath)
    const { promise: closed, resolve: tellClosed } = Promise.withResolvers<Error>()
    const peer = createPeer({
      send: (frame) => void socket.write(frame),
      handlers,
      hello: async () => ({}),
      after: (milliseconds, callback) => {
        const timer = setTimeout(callback, milliseconds)
        return () => clearTimeout(timer)
      },
      timeoutMilliseconds: answerMs,
      frameBytesMax: limits.frameBytesMax,
      closed: (reason) => {
        socket.destroy()
        tellClosed(reason)
      },
    })
    socket.on('data', (chunk: Buffer) => peer.receive(chunk))
    const gone = (): void =>
      peer.close(
        new OperationError('enclave-gone', `The enclave at ${socketPath} closed the connection`),
      )
    socket.on('error', gone)
    socket.on('close', gone)
    try {
      return new EnclaveLink(peer, readHello(await peer.greet()), closed)
    } catch (cause) {
      socket.destroy()
      throw new OperationError(
        'enclave-refused',
        `Cannot agree with the enclave at ${socketPath}: another version, or another host is connected to it`,
        { cause, retryable: !(cause instanceof MalformedError) },
      )
    }
  }

  /** Asks the enclave. @throws {AnswerError} its failure, or {OperationError}. */
  async ask(method: string, params: Json, timeoutMilliseconds: number = answerMs): Promise<Json> {
    const { result } = await this.#peer.request(method, params, { timeoutMilliseconds })
    return result
  }

  /** Asks with bytes, and gives the bytes of the answer too. @throws as {@link ask}. */
  async exchange(
    method: string,
    params: Json,
    bytes: Bytes,
  ): Promise<{ readonly result: Json; readonly bytes: Bytes }> {
    return this.#peer.request(method, params, { bytes, timeoutMilliseconds: answerMs })
  }

  /** Evidence over what makes this enclave `operator`'s node. */
  async nodeEvidence(operator: Address, beacon: Hex): Promise<NodeEvidence> {
    return readEvidence(
      await this.ask('node.evidence', { operator: operator.toLowerCase(), beacon }),
    )
  }

  /** Evidence over what makes this enclave a keeper of `asset`. */
  async keepEvidence(asset: Hex, ownerNonce: Hex): Promise<NodeEvidence> {
    return readEvidence(await this.ask('keep.evidence', { asset, ownerNonce }))
  }

  /** Ends the connection. */
  close(): void {
    this.#peer.close(new OperationError('closed', 'This host is ending'))
  }
}

async function openSocket(path: string): Promise<Socket> {
  const deadline = Date.now() + connectWithinMs
  for (;;) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const socket = connect(path, () => {
          socket.off('error', reject)
          resolve(socket)
        })
        socket.once('error', reject)
      })
    } catch (cause) {
      if (Date.now() > deadline)
        throw new OperationError(
          'enclave-unreachable',
          `Cannot connect to the enclave at ${path}: start it first, or correct enclaveSocket`,
          { cause, retryable: true },
        )
    }
    await sleep(100)
  }
}

// More fields may stand beside these: a newer enclave says more.
function readHello(json: Json): EnclaveHello {
  const field = (name: string): Json => {
    const value = isObject(json) ? json[name] : undefined
    if (value === undefined) throw new MalformedError(`hello.${name}`, 0, 'missing')
    return value
  }
  const sandbox = isObject(json) ? json['sandbox'] : undefined
  return {
    receiptKey: addressField.parse(field('receiptKey'), 'hello.receiptKey'),
    sharePublicKey: hexField(publicKeyBytes).parse(field('sharePublicKey'), 'hello.sharePublicKey'),
    machineId: bytes32Field.parse(field('machineId'), 'hello.machineId'),
    measurement: bytes32Field.parse(field('measurement'), 'hello.measurement'),
    sandbox: sandbox === undefined ? undefined : textField(64).parse(sandbox, 'hello.sandbox'),
  }
}

function readEvidence(json: Json): NodeEvidence {
  const evidence = isObject(json) ? json['evidence'] : undefined
  return nodeEvidenceField.parse(evidence ?? null, 'evidence')
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
