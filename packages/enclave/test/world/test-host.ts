import { createHash } from 'node:crypto'
import { connect } from 'node:net'

import { canonicalJson, encodeHex, OperationError, type Bytes, type Json } from '@cloister/codec'
import { encodeHeader } from '@cloister/io'
import {
  createPeer,
  handoverField,
  limits,
  messageDigest,
  messageToJson,
  sortSignatures,
  type Answer,
  type Checkpoint,
  type Handover,
  type Peer,
} from '@cloister/protocol'
import { isHex, toHex, type Hex } from 'viem'
import type { HDAccount } from 'viem/accounts'

import type { HomeChain } from './home-chain.ts'

/** Stands in for one method of an honest host: it may answer by itself or ask the honest host first. */
export type Lie = (params: Record<string, Json>, honest: () => Promise<Answer>) => Promise<Answer>

/** What hosts share: the chain, an object store, and what owners told them. */
export type HostWorld = {
  readonly chain: HomeChain
  readonly objects: Map<string, Bytes>
  readonly orders: Map<string, Json>
  readonly keepers: Map<string, Json>
  readonly collateral: () => Json
  readonly deviceCollateral: () => Json
  readonly depth: number
  readonly nodeOf: (operator: string) => TestHost | undefined
  committee: { epoch: bigint; signers: readonly HDAccount[]; handovers: readonly Handover[] }
}

/** The untrusted side of a node, honest unless it is told to lie. */
export class TestHost {
  readonly lies: Partial<Record<string, Lie>> = {}
  readonly journal: Json[] = []
  readonly phases: string[] = []
  /** Sealed states that the enclave had kept, each in place of the one before: what an older disk would show. */
  readonly sealedStates: Bytes[] = []
  /** What this host shows its enclave as the newest. */
  shownSealed: Bytes | undefined
  readonly #world: HostWorld
  readonly #uploads = new Map<string, Uint8Array[]>()
  #peer: Peer | undefined
  hello: Record<string, Json> = {}

  constructor(world: HostWorld) {
    this.#world = world
  }

  async connect(path: string): Promise<void> {
    const socket = connect(path)
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    const methods = Object.fromEntries(
      this.#methods().map(([name, answer]) => [
        name,
        async (params: Json, bytes: Bytes): Promise<Answer> => {
          if (!isObject(params)) throw new Error('params')
          const honest = () => answer(params, bytes)
          return this.lies[name]?.(params, honest) ?? honest()
        },
      ]),
    )
    const peer = createPeer({
      send: (frame) => void socket.write(frame),
      handlers: methods,
      hello: async () => ({}),
      after: (milliseconds, callback) => {
        const timer = setTimeout(callback, milliseconds)
        return () => clearTimeout(timer)
      },
      timeoutMilliseconds: 60_000,
      frameBytesMax: limits.frameBytesMax,
      closed: () => socket.destroy(),
    })
    socket.on('data', (chunk) => peer.receive(new Uint8Array(Buffer.from(chunk))))
    socket.on('error', () => undefined)
    this.#peer = peer
    const hello = await peer.greet()
    if (isObject(hello)) this.hello = hello
  }

  /** Ends the connection, as a host that is killed. */
  disconnect(): void {
    this.#peer?.close(new OperationError('gone', 'The host was killed'))
  }

  /** Asks the enclave. */
  async ask(method: string, params: Json): Promise<Record<string, Json>> {
    const { result } = await this.#peer!.request(method, params)
    if (!isObject(result)) throw new Error('result')
    return result
  }

  /** A checkpoint of a block, signed by a quorum of whoever the world says is the committee. */
  async checkpoint(nonce: Hex, changes: Partial<Checkpoint> = {}, number?: bigint) {
    const { chain, committee } = this.#world
    const block = await this.#block(number === undefined ? 'latest' : toHex(number))
    const checkpoint: Checkpoint = {
      chainId: BigInt(chain.domain.chainId),
      height: BigInt(text(block['number'])),
      blockHash: text(block['hash']),
      blockTime: BigInt(text(block['timestamp'])),
      committee: committee.epoch,
      nonce,
      ...changes,
    }
    const digest = messageDigest(chain.domain, 'Checkpoint', checkpoint)
    const signatures = await Promise.all(
      committee.signers.map((signer) => signer.sign({ hash: digest })),
    )
    return { checkpoint, signatures: await sortSignatures(digest, signatures) }
  }

  #methods(): readonly [string, (params: Record<string, Json>, bytes: Bytes) => Promise<Answer>][] {
    const { objects, orders, keepers } = this.#world
    return [
      ['chain.checkpoint', async ({ nonce }) => ({ result: await this.#checkpoint(text(nonce)) })],
      [
        'chain.proof',
        async ({ height, account, slots }) => {
          const proof = await this.#world.chain.client.getProof({
            address: text(account),
            storageKeys: Array.isArray(slots) ? slots.map(text) : [],
            blockNumber: BigInt(textOf(height)),
          })
          return {
            result: {
              accountProof: proof.accountProof,
              storageProofs: proof.storageProof.map(({ key, proof: nodes }) => ({
                slot: toHex(BigInt(key), { size: 32 }),
                proof: nodes,
              })),
            },
          }
        },
      ],
      ['chain.order', async ({ task }) => ({ result: orders.get(textOf(task)) ?? null })],
      ['chain.keepers', async ({ asset }) => ({ result: keepers.get(textOf(asset)) ?? null })],
      [
        'keeper.call',
        async ({ operator, method, body }) => {
          const node = this.#world.nodeOf(textOf(operator))
          if (node === undefined) throw new Error('no such node')
          return { result: await node.ask(textOf(method), body ?? null) }
        },
      ],
      ['collateral', async () => ({ result: this.#world.collateral() })],
      ['collateral.devices', async () => ({ result: this.#world.deviceCollateral() })],
      [
        'journal.append',
        async ({ entry }) => {
          this.journal.push(entry ?? null)
          return { result: {} }
        },
      ],
      [
        'journal.holds',
        async ({ entry }) => {
          const wanted = canonicalJson(entry ?? null)
          return { result: { held: this.journal.some((each) => canonicalJson(each) === wanted) } }
        },
      ],
      [
        'sealed.put',
        async (_params, bytes) => {
          this.sealedStates.push(bytes.slice())
          return { result: {} }
        },
      ],
      ['sealed.get', async () => ({ result: {}, bytes: this.shownSealed ?? new Uint8Array(0) })],
      [
        'progress',
        async ({ phase }) => {
          this.phases.push(textOf(phase))
          return { result: {} }
        },
      ],
      [
        'store.get',
        async ({ digest, offset, length }) => {
          const whole = objects.get(textOf(digest))
          if (whole === undefined) throw new Error('no such object')
          const bytes = whole.slice(Number(offset), Number(offset) + Number(length))
          return { result: { size: whole.length }, bytes }
        },
      ],
      [
        'store.put',
        async ({ upload, last, digest }, bytes) => {
          const parts = [...(this.#uploads.get(textOf(upload)) ?? []), bytes.slice()]
          this.#uploads.set(textOf(upload), parts)
          if (last === true) {
            const whole = new Uint8Array(Buffer.concat(parts))
            if (createHash('sha256').update(whole).digest('hex') !== digest) throw new Error('sha')
            objects.set(textOf(digest), whole)
          }
          return { result: {} }
        },
      ],
    ]
  }

  async #checkpoint(nonce: Hex): Promise<Json> {
    const { checkpoint, signatures } = await this.checkpoint(nonce)
    return this.checkpointAnswer(checkpoint, signatures)
  }

  /** A checkpoint as it stands in an answer, with headers downwards. */
  async checkpointAnswer(checkpoint: Checkpoint, signatures: readonly Hex[]): Promise<Json> {
    const { depth, committee } = this.#world
    const headers: Hex[] = []
    for (let below = 0; below <= depth; below++)
      headers.push(encodeHeader(await this.#block(toHex(checkpoint.height - BigInt(below)))))
    return {
      checkpoint: messageToJson('Checkpoint', checkpoint),
      signatures,
      headers,
      handovers: committee.handovers.map((handover) => handoverField.encode(handover)),
    }
  }

  async #block(tag: string): Promise<Record<string, unknown>> {
    const response = await fetch(this.#world.chain.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'eth_getBlockByNumber',
        params: [tag, false],
      }),
    })
    const answer: { result: Record<string, unknown> } = JSON.parse(await response.text())
    return answer.result
  }
}

function text(value: unknown): Hex {
  if (!isHex(value)) throw new Error('not hexadecimal')
  return value
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A text out of JSON. */
export function textOf(value: Json | undefined): string {
  if (typeof value !== 'string') throw new Error('not a text')
  return value
}

/** Bytes as `0x` hexadecimal. */
export function hex(bytes: Uint8Array): Hex {
  return `0x${encodeHex(bytes)}`
}
