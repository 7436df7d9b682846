import { OperationError, type Json } from '@cloister/codec'
import { fetchJson, fetchParts, refusalOf, type Log, type ObjectStore } from '@cloister/io'
import { AnswerError, digestOf, hexField, publicKeyBytes, sameHex } from '@cloister/protocol'
import type { ReadableStore } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { KnownNode } from './chain-facts.ts'
import type { ChainIndex } from './chain-index.ts'
import type { ShownJson } from './faults.ts'
import type { NodeChain } from './node-chain.ts'

/** Methods that enclaves call of each other, and the routes by which hosts carry them. */
export const keeperRoutes: Readonly<Record<string, string>> = {
  release: '/v1/releases',
  countersign: '/v1/countersign',
  'recovery.blind': '/v1/recovery/blind',
  'recovery.part': '/v1/recovery/part',
  'recovery.witness': '/v1/recovery/witness',
}

const callMs = 60_000
/** After this a keeper is asked on chain. */
const releaseMs = 20_000
const statusMs = 5_000
const fetchMs = 10 * 60_000
const strangersFetchesMax = 4

/** Other nodes and verifiers: where they are, and what is fetched from them. None of it is believed. */
export class Peers {
  readonly #chain: NodeChain
  readonly #index: ChainIndex
  readonly #store: ObjectStore
  readonly #log: Log
  readonly #partStores: readonly ReadableStore[]
  readonly #shareKeys = new Map<Address, Hex>()
  readonly #fetching = new Map<string, Promise<boolean>>()

  constructor(
    chain: NodeChain,
    index: ChainIndex,
    store: ObjectStore,
    log: Log,
    partStores: readonly ReadableStore[] = [],
  ) {
    this.#partStores = partStores
    this.#chain = chain
    this.#index = index
    this.#store = store
    this.#log = log
  }

  /** The certified node of an operator that was admitted last. */
  async currentNode(operator: Address): Promise<KnownNode | undefined> {
    for (const node of this.#index.nodesOf(operator))
      if (node.url !== '' && (await this.#chain.certified(node.receiptKey))) return node
    return undefined
  }

  /** The key to which shares for a node are sealed; undefined where the node does not say, or says a wrong one. */
  async sharePublicKey({ receiptKey, url }: KnownNode): Promise<Hex | undefined> {
    const known = this.#shareKeys.get(receiptKey)
    if (known !== undefined) return known
    try {
      const status = await fetchJson(`${url}/v1/status`, {
        timeoutMs: statusMs,
        answerBytesMax: 65_536,
      })
      const told = isObject(status) ? status['sharePublicKey'] : undefined
      const key = hexField(publicKeyBytes).parse(told ?? null, 'sharePublicKey')
      const { shareKeyHash } = await this.#chain.node(receiptKey)
      if (!sameHex(digestOf(Buffer.from(key.slice(2), 'hex')), shareKeyHash)) return undefined
      this.#shareKeys.set(receiptKey, key)
      return key
    } catch (error) {
      this.#log.debug('A node does not tell its share key', {
        receiptKey,
        url,
        error: asError(error),
      })
      return undefined
    }
  }

  /**
   * Calls the enclave of another operator's node through its host.
   *
   * @throws {AnswerError} what the other side refused with, or {OperationError} `keeper-unknown`, `peer-unreachable`.
   */
  async callKeeper(operator: Address, method: string, body: Json): Promise<Json> {
    const route = keeperRoutes[method]
    if (route === undefined)
      throw new OperationError(
        'unknown-method',
        `Cannot call ${method.slice(0, 64)} of a keeper: unknown`,
      )
    const node = await this.currentNode(operator)
    if (node === undefined)
      throw new OperationError(
        'keeper-unknown',
        `Cannot reach a keeper: operator ${operator} has no certified node`,
        {
          retryable: true,
        },
      )
    try {
      const timeoutMs = method === 'release' ? releaseMs : callMs
      return await fetchJson(`${node.url}${route}`, { json: body, timeoutMs })
    } catch (cause) {
      const refusal = refusalOf(cause)
      if (refusal === undefined) throw cause
      throw new AnswerError(refusal.code, refusal.message, { cause })
    }
  }

  /** Genuine evidence of other machines, as their hosts show it to everybody. */
  async otherEvidence(): Promise<readonly ShownJson[]> {
    const own = this.#chain.account.address
    const others = [...this.#index.nodes.values()].filter((node) => !sameHex(node.operator, own))
    const shown: ShownJson[] = []
    for (const { url } of others.toReversed()) {
      const bundle = await fetchJson(`${url}/v1/admission`).catch(() => null)
      if (!isObject(bundle)) continue
      const { evidence, collateral } = bundle
      if (evidence !== undefined && collateral !== undefined) shown.push({ evidence, collateral })
    }
    return shown
  }

  /** Whether an object is held here, after asking the other nodes and the verifiers for it where it was not. */
  async obtain(digest: string, asker: 'own' | 'stranger' = 'own'): Promise<boolean> {
    if (await this.#store.has(digest)) return true
    // A stranger may name any number of objects that nobody has.
    if (asker === 'stranger' && this.#fetching.size >= strangersFetchesMax) return false
    const running = this.#fetching.get(digest) ?? this.#fetch(digest)
    this.#fetching.set(digest, running)
    try {
      return await running
    } finally {
      this.#fetching.delete(digest)
    }
  }

  async #fetch(digest: string): Promise<boolean> {
    for (const url of await this.#urls()) {
      try {
        const { body } = await fetchParts(`${url}/v1/objects/${digest}`, {
          // Without this the other host would ask its own peers in turn, and so on round the network.
          headers: { 'x-cloister-local': '1' },
          timeoutMs: fetchMs,
          answerBytesMax: 256 * 2 ** 20,
        })
        await this.#store.put(digest, body)
        return true
      } catch (error) {
        if (error instanceof OperationError && error.code === 'store-full') throw error
        this.#log.debug('A peer does not give an object', { digest, url, error: asError(error) })
      }
    }
    return this.#fetchFromOwners(digest)
  }

  // The store takes an object only under its own digest: one that lies is passed by.
  async #fetchFromOwners(digest: string): Promise<boolean> {
    for (const from of this.#partStores) {
      try {
        await this.#store.put(digest, await from.get(digest))
        return true
      } catch (error) {
        if (error instanceof OperationError && error.code === 'store-full') throw error
        const details = { digest, store: from.name, error: asError(error) }
        this.#log.debug('A store does not give an object', details)
      }
    }
    return false
  }

  async #urls(): Promise<readonly string[]> {
    const committee = await this.#chain.committee().catch(() => undefined)
    const verifiers = committee?.members.map(({ url }) => url) ?? []
    const nodes = [...this.#index.nodes.values()].toReversed().map(({ url }) => url)
    return [...new Set([...nodes, ...verifiers])].filter((url) => url !== '').slice(0, 64)
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('not an error')
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
