import { encodeUtf8, type Bytes, type UnixSeconds } from '@cloister/codec'
import { ecdsaSha256 } from '#crypto'
import { isSignedBy, type Signed, type SigningKey } from './x509/signed.ts'

/** How many signatures one {@link SignedText} keeps. */
const signaturesMax = 4

/** How many objects, and characters of their text, one {@link Recall} keeps. */
const recallLimits = { entriesMax: 64, charactersMax: 8 * 1024 * 1024 }

/**
 * Remembers what was read out of a text, keyed by the whole text.
 *
 * What is remembered is true of the text at any time: times are compared anew in every appraisal.
 * Still nothing is kept past its own expiry, and the oldest goes first when a limit is reached.
 */
export class Recall<T> {
  readonly #entries = new Map<string, { readonly value: T; readonly until: UnixSeconds }>()
  #characters = 0

  /** The value read from `text` before, or `read()`, remembered until `until` of it. */
  get(text: string, now: UnixSeconds, read: () => T, until: (value: T) => UnixSeconds): T {
    const found = this.#entries.get(text)
    if (found !== undefined && now <= found.until) return found.value
    if (found !== undefined) this.#forget(text)
    const value = read()
    const expiry = until(value)
    if (now > expiry || text.length > recallLimits.charactersMax) return value
    this.#entries.set(text, { value, until: expiry })
    this.#characters += text.length
    for (const oldest of this.#entries.keys()) {
      if (
        this.#entries.size <= recallLimits.entriesMax &&
        this.#characters <= recallLimits.charactersMax
      )
        break
      this.#forget(oldest)
    }
    return value
  }

  #forget(text: string): void {
    if (this.#entries.delete(text)) this.#characters -= text.length
  }
}

/** A text that was signed with ECDSA and SHA-256: its bytes, and the signatures that were given for it. */
export class SignedText {
  readonly #tbs: Bytes
  readonly #given = new Map<string, Signed>()

  constructor(text: string) {
    this.#tbs = encodeUtf8(text)
  }

  /** This text with a signature: the same object for the same hexadecimal. */
  with(signatureHex: string, read: () => Bytes): Signed {
    const known = this.#given.get(signatureHex)
    if (known !== undefined) return known
    const signed: Signed = {
      tbs: this.#tbs,
      algorithm: ecdsaSha256,
      form: 'raw',
      signature: read(),
    }
    if (this.#given.size >= signaturesMax) this.#given.clear()
    this.#given.set(signatureHex, signed)
    return signed
  }
}

/** Remembers which signatures were found good. A bad one is computed anew each time. */
export class SignatureMemory {
  readonly #good = new WeakMap<Signed, Set<string>>()

  /** Whether `signed` was found to carry the signature of `signer`. False says nothing: ask {@link holds}. */
  knows(signed: Signed, signer: SigningKey): boolean {
    return this.#good.get(signed)?.has(signer.keyName) === true
  }

  /** Whether `signed` carries the signature of `signer`, computed at most once where it does. */
  async holds(signed: Signed, signer: SigningKey): Promise<boolean> {
    if (this.knows(signed, signer)) return true
    if (!(await isSignedBy(signed, signer))) return false
    const known = this.#good.get(signed)
    if (known === undefined) this.#good.set(signed, new Set([signer.keyName]))
    else known.add(signer.keyName)
    return true
  }
}
