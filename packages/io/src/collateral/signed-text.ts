import { MalformedError, parseJson, parseUtf8, unixSeconds } from '@cloister/codec'
import type { Bytes, UnixSeconds } from '@cloister/codec'

/** A document of Intel's with its signature, as the PCS sends the two. */
export type SignedDocument = { readonly text: string; readonly signature: string }

/**
 * Cuts the signed text out of an answer as it stands: writing it anew could break its signature.
 *
 * Spec: Intel SGX and TDX PCS API v4.
 *
 * @throws {MalformedError} naming `name`, where the answer has another form.
 */
export function cutSignedDocument(
  body: Bytes,
  name: 'tcbInfo' | 'enclaveIdentity',
): SignedDocument {
  const [, text, signature] = forms[name].exec(parseUtf8(body, name)) ?? []
  if (text === undefined || signature === undefined)
    throw new MalformedError(name, 0, 'not a signed text in the form of the PCS')
  return { text, signature: signature.toLowerCase() }
}

const forms = {
  tcbInfo:
    /^\s*\{\s*"tcbInfo"\s*:\s*(\{.*\})\s*,\s*"signature"\s*:\s*"([0-9a-fA-F]{128})"\s*\}\s*$/s,
  enclaveIdentity:
    /^\s*\{\s*"enclaveIdentity"\s*:\s*(\{.*\})\s*,\s*"signature"\s*:\s*"([0-9a-fA-F]{128})"\s*\}\s*$/s,
} as const

const limits = { charactersMax: 2 ** 20, depthMax: 12 }

/** When a document ends by its own word. @throws {MalformedError} where it does not say. */
export function signedDocumentEnd(body: Bytes, name: 'tcbInfo' | 'enclaveIdentity'): UnixSeconds {
  const value = parseJson(cutSignedDocument(body, name).text, name, limits)
  const next =
    typeof value === 'object' && value !== null && 'nextUpdate' in value ? value['nextUpdate'] : ''
  const end = typeof next === 'string' ? Date.parse(next) : Number.NaN
  if (!(end >= 0)) throw new MalformedError(`${name}.nextUpdate`, 0, 'expected a time')
  return unixSeconds(Math.floor(end / 1000))
}
