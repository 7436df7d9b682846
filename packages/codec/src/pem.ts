import { parseBase64, type Bytes } from './bytes.ts'
import { MalformedError } from './errors.ts'

/** What one PEM text may hold. */
export type PemLimits = { readonly blocksMax: number; readonly charactersMax: number }

/**
 * The base64 text of each block of a PEM file, in order, its lines joined.
 *
 * Strict: one label, lines of at most 76 characters, nothing between or around the blocks but line
 * ends. A text of no block is an empty list. Spec: RFC 7468 section 3 (stricttextualmsg).
 *
 * @throws {MalformedError} naming `field`, and before memory is spent past a limit.
 */
export function parsePemBlocks(
  text: string,
  label: string,
  field: string,
  limits: PemLimits,
): readonly string[] {
  if (text.length > limits.charactersMax)
    throw new MalformedError(
      field,
      0,
      `${text.length} characters, at most ${limits.charactersMax} are read`,
    )
  const blocks: string[] = []
  let body: string[] | undefined
  let offset = 0
  for (const line of text.split('\n')) {
    const bare = line.endsWith('\r') ? line.slice(0, -1) : line
    if (body === undefined) {
      if (bare === `-----BEGIN ${label}-----`) body = []
      else if (bare !== '')
        throw new MalformedError(field, offset, `expected -----BEGIN ${label}-----`)
    } else if (bare === `-----END ${label}-----`) {
      if (blocks.length === limits.blocksMax)
        throw new MalformedError(field, offset, `more than ${limits.blocksMax} blocks`)
      blocks.push(body.join(''))
      body = undefined
    } else {
      if (bare === '' || bare.length > 76 || !/^[A-Za-z0-9+/=]+$/.test(bare))
        throw new MalformedError(field, offset, 'expected a line of base64')
      body.push(bare)
    }
    offset += line.length + 1
  }
  if (body !== undefined)
    throw new MalformedError(field, text.length, `ends before -----END ${label}-----`)
  return blocks
}

/**
 * The bytes of each block of a PEM text, in order. Strict as {@link parsePemBlocks}.
 *
 * @throws {MalformedError} naming `field`.
 */
export function parsePem(
  text: string,
  label: string,
  field: string,
  limits: PemLimits,
): readonly Bytes[] {
  return parsePemBlocks(text, label, field, limits).map((block) => parseBase64(block, field))
}

/** Writes one PEM block, in lines of 64 characters that end in a line feed. */
export function encodePem(base64: string, label: string): string {
  const lines = base64.match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.map((line) => `${line}\n`).join('')}-----END ${label}-----\n`
}
