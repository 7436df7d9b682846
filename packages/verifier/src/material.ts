import { MalformedError, OperationError, type Json } from '@cloister/codec'
import { fetchBytes, fetchJson, fetchParts, type Log, type ObjectStore } from '@cloister/io'
import {
  bytes32Field,
  limits,
  messageField,
  objectField,
  parseBundle,
  signatureField,
  hexBetween,
  type Bundle,
  type Domain,
  type Field,
  type FieldValue,
  type SignedReceipt,
} from '@cloister/protocol'

import { isCommitted } from './judge.ts'
import type { Posted } from './posted.ts'

const signedReceipt = objectField({
  posting: messageField('Posting'),
  operatorSignature: hexBetween(65, 4096),
  receipt: messageField('Receipt'),
  receiptSignature: signatureField,
  bundleDigest: bytes32Field,
})

/** What `GET /v1/tasks/{task}/{attempt}` gives. Spec: docs/protocol.md section 8. */
export const signedReceiptField: Field<FieldValue<typeof signedReceipt>> = signedReceipt

/** How far fetching one posting's material got. */
export type Gathered = {
  readonly signed: SignedReceipt | undefined
  /** `unreadable`: its bytes are here and are no bundle, so asking again is useless. */
  readonly bundle: Bundle | 'unreadable' | undefined
  readonly outputHeld: boolean
}

/** How long one source may take, so that one that hangs leaves time for the others, and what ends it all. */
export type FetchLimit = { readonly sourceMs: number; readonly signal: AbortSignal }

const receiptBytesMax = 64 * 1024
const receiptMs = 5_000
const bundleMs = 20_000
const outputMs = 120_000

/** Fetches receipts, bundles and outputs from whoever has them, and keeps what has the right digest. */
export class MaterialFetcher {
  readonly #store: ObjectStore
  readonly #domain: Domain
  readonly #log: Log

  constructor(store: ObjectStore, domain: Domain, log: Log) {
    this.#store = store
    this.#domain = domain
    this.#log = log
  }

  /** One round over `sources` for whatever is missing yet. Never throws for what a source does. */
  async gather(
    posted: Posted,
    sources: readonly string[],
    before: Gathered,
    limit: FetchLimit,
  ): Promise<Gathered> {
    const signed = before.signed ?? (await this.#receipt(posted, sources, limit))
    const bundle = before.bundle ?? (await this.bundle(posted.message.bundleDigest, sources, limit))
    const outputHeld =
      before.outputHeld ||
      (signed !== undefined &&
        (await this.#output(
          signed.receipt.outputDigest,
          signed.receipt.outputBytes,
          sources,
          limit,
        )))
    return { signed, bundle, outputHeld }
  }

  /** A bundle by its digest: from the store, else from a source. */
  async bundle(
    digest: string,
    sources: readonly string[],
    limit: FetchLimit,
  ): Promise<Bundle | 'unreadable' | undefined> {
    const name = digest.slice(2)
    if (!(await this.#store.has(name)))
      await this.#first(sources, async (source) => {
        const { bytes } = await fetchBytes(`${source}/v1/objects/${name}`, {
          timeoutMs: Math.min(bundleMs, limit.sourceMs),
          answerBytesMax: limits.bundleBytesMax,
          signal: limit.signal,
        })
        await this.#store.put(name, bytes)
        return true
      })
    if (!(await this.#store.has(name))) return undefined
    try {
      return parseBundle(await this.#store.get(name, undefined, limits.bundleBytesMax))
    } catch (error) {
      if (error instanceof MalformedError) {
        this.#log.warn('A bundle cannot be read', { digest, error })
        return 'unreadable'
      }
      throw error
    }
  }

  async #receipt(
    posted: Posted,
    sources: readonly string[],
    limit: FetchLimit,
  ): Promise<SignedReceipt | undefined> {
    const { task, attempt, digest, message, operatorSignature } = posted
    return this.#first(sources, async (source) => {
      const json: Json = await fetchJson(`${source}/v1/tasks/${task}/${attempt}`, {
        timeoutMs: Math.min(receiptMs, limit.sourceMs),
        answerBytesMax: receiptBytesMax,
        signal: limit.signal,
      })
      const { receipt, receiptSignature } = signedReceiptField.parse(json, 'answer')
      const signed = { posting: message, operatorSignature, receipt, receiptSignature }
      return isCommitted(this.#domain, digest, signed) ? signed : undefined
    })
  }

  async #output(
    digest: string,
    bytes: bigint,
    sources: readonly string[],
    limit: FetchLimit,
  ): Promise<boolean> {
    const name = digest.slice(2)
    if (!(await this.#store.has(name)))
      await this.#first(sources, async (source) => {
        const { body } = await fetchParts(`${source}/v1/objects/${name}`, {
          timeoutMs: Math.min(outputMs, limit.sourceMs),
          answerBytesMax: Number(bytes),
          signal: limit.signal,
        })
        await this.#store.put(name, body)
        return true
      })
    return (await this.#store.size(name)) === Number(bytes)
  }

  // A store that is full or broken is our own trouble, not the node's: it must not become a refusal.
  async #first<T>(
    sources: readonly string[],
    ask: (source: string) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    for (const source of sources)
      try {
        const found = await ask(source)
        if (found !== undefined) return found
      } catch (error) {
        if (error instanceof OperationError && error.code.startsWith('store-')) throw error
        this.#log.debug('A source does not have what was asked for', {
          source,
          error: asError(error),
        })
      }
    return undefined
  }
}

function asError(error: unknown): Error | undefined {
  return error instanceof Error ? error : undefined
}
