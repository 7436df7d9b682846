import { OperationError, type Bytes } from '@cloister/codec'
import type { ObjectStore, ObjectWriter } from '@cloister/io'

const openMax = 16
const idleMs = 5 * 60_000

type Upload = { readonly writer: ObjectWriter; touchedAt: number }

/** Objects that the enclave is writing in parts. */
export class Uploads {
  readonly #store: ObjectStore
  readonly #open = new Map<string, Upload>()

  constructor(store: ObjectStore) {
    this.#store = store
  }

  /**
   * Takes the next part; with `digest` it is the last, and the object is stored under it.
   *
   * @throws {OperationError} `upload-order`, `upload-limit`, and what the store throws; then the upload is over.
   */
  async take(id: string, offset: number, part: Bytes, digest: string | undefined): Promise<void> {
    const upload = this.#open.get(id) ?? (await this.#begin(id, offset))
    upload.touchedAt = Date.now()
    try {
      if (offset !== upload.writer.bytes)
        throw new OperationError(
          'upload-order',
          `Cannot take a part at byte ${offset}: the next one is at ${upload.writer.bytes}`,
        )
      await upload.writer.write(part)
      if (digest === undefined) return
      await upload.writer.finish(digest)
      this.#open.delete(id)
    } catch (error) {
      this.#open.delete(id)
      await upload.writer.abort()
      throw error
    }
  }

  /** Drops what is not finished. */
  async close(): Promise<void> {
    for (const { writer } of this.#open.values()) await writer.abort()
    this.#open.clear()
  }

  async #begin(id: string, offset: number): Promise<Upload> {
    if (offset !== 0)
      throw new OperationError(
        'upload-order',
        `Cannot take a part at byte ${offset}: the upload has not begun`,
      )
    for (const [key, { writer, touchedAt }] of this.#open)
      if (Date.now() - touchedAt > idleMs) {
        this.#open.delete(key)
        await writer.abort()
      }
    if (this.#open.size >= openMax)
      throw new OperationError('upload-limit', `Cannot begin an upload: ${openMax} are open`, {
        retryable: true,
      })
    const upload = { writer: await this.#store.begin(), touchedAt: Date.now() }
    this.#open.set(id, upload)
    return upload
  }
}
