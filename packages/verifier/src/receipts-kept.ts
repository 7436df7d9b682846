import { canonicalJson, type Json } from '@cloister/codec'
import type { Journal } from '@cloister/io'
import { parseField, type SignedReceipt } from '@cloister/protocol'

import { signedReceiptField } from './material.ts'
import { postedKey, type Posted } from './posted.ts'

const kind = 'receipt'

/**
 * Keeps the receipts that postings commit to: for other verifiers, which a host may not serve, and for challenges
 * that are brought later.
 */
export class KeptReceipts {
  readonly #journal: Journal

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** Keeps a receipt that was checked against its posting. */
  keep(posted: Posted, signed: SignedReceipt): void {
    const body = { ...signed, bundleDigest: posted.message.bundleDigest }
    this.#journal.recordOnce(
      kind,
      this.#key(posted),
      canonicalJson(signedReceiptField.encode(body)),
    )
  }

  /** The receipt of a posting, if it was ever had. */
  find(posted: Posted): SignedReceipt | undefined {
    const entry = this.#journal.find(kind, this.#key(posted))
    if (entry === undefined) return undefined
    const caps = { charactersMax: 65_536, depthMax: 4 }
    const { bundleDigest: _, ...signed } = parseField(signedReceiptField, entry.body, kind, caps)
    return signed
  }

  /** The same as a host gives it: `GET /v1/tasks/{task}/{attempt}`. */
  json(posted: Posted): Json | undefined {
    const signed = this.find(posted)
    return signed === undefined
      ? undefined
      : signedReceiptField.encode({ ...signed, bundleDigest: posted.message.bundleDigest })
  }

  #key(posted: Posted): string {
    return `${postedKey(posted)}/${posted.digest.toLowerCase()}`
  }
}
