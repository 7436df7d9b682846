import type { Bytes } from './bytes.ts'
import { MalformedError } from './errors.ts'
import { unixSeconds, type UnixSeconds } from './time.ts'

/** Identifier octets of the DER types that certificates and revocation lists are made of. */
export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  enumerated: 0x0a,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** One DER element: `whole` is tag, length and content; both are views, no copy is made. */
export type DerElement = { readonly tag: number; readonly whole: Bytes; readonly content: Bytes }

/**
 * Reads DER elements one after another, and refuses what is BER but not DER: indefinite or
 * non-minimal lengths, long tags, padded integers, booleans that are neither 00 nor ff.
 *
 * Offsets in errors count from the start of the outermost bytes. Spec: ITU-T X.690 section 10.
 */
export class DerReader {
  readonly #bytes: Bytes
  readonly #end: number
  #offset: number

  constructor(bytes: Bytes, offset = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#offset = offset
    this.#end = end
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.#offset
  }

  /** Where the next element starts. */
  get offset(): number {
    return this.#offset
  }

  /** The next element's tag, or undefined at the end. */
  peek(): number | undefined {
    return this.remaining > 0 ? this.#bytes[this.#offset] : undefined
  }

  /** The next element, whatever its tag. @throws {MalformedError} naming `field`. */
  any(field: string): DerElement {
    const { tag, start, content, end } = this.#header(field)
    this.#offset = end
    return {
      tag,
      whole: this.#bytes.subarray(start, end),
      content: this.#bytes.subarray(content, end),
    }
  }

  /** The next element, which must have this tag. @throws {MalformedError} naming `field`. */
  element(field: string, tag: number): DerElement {
    this.#expect(field, tag)
    return this.any(field)
  }

  /** The next element if it has this tag, else undefined and nothing is read. */
  optional(field: string, tag: number): DerElement | undefined {
    return this.peek() === tag ? this.any(field) : undefined
  }

  /** A reader over the content of the next element. @throws {MalformedError} on another tag. */
  inside(field: string, tag: number = derTags.sequence): DerReader {
    this.#expect(field, tag)
    const { content, end } = this.#header(field)
    this.#offset = end
    return new DerReader(this.#bytes, content, end)
  }

  /** Content of an INTEGER: two's complement, big-endian, as short as it can be. */
  integer(field: string): Bytes {
    const at = this.#offset
    const content = this.#content(field, derTags.integer)
    const first = content[0]
    const second = content[1] ?? 0
    if (first === undefined) throw new MalformedError(field, at, 'an integer without content')
    if (
      content.length > 1 &&
      ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
    )
      throw new MalformedError(field, at, 'an integer with needless leading bytes')
    return content
  }

  /** A non-negative INTEGER below 2^48. @throws {MalformedError} on any other. */
  unsigned(field: string): number {
    const at = this.#offset
    const content = this.integer(field)
    if ((content[0] ?? 0) >= 0x80) throw new MalformedError(field, at, 'got a negative number')
    if (content.length > 6)
      throw new MalformedError(field, at, `got ${content.length} bytes, at most 6 are read`)
    return content.reduce((value, byte) => value * 256 + byte, 0)
  }

  /** A BOOLEAN. @throws {MalformedError} where it is neither 00 nor ff. */
  boolean(field: string): boolean {
    const at = this.#offset
    const content = this.#content(field, derTags.boolean)
    const value = content[0]
    if (content.length !== 1 || (value !== 0 && value !== 0xff))
      throw new MalformedError(field, at, 'a boolean that is neither 00 nor ff')
    return value === 0xff
  }

  /** Content of an OCTET STRING. */
  octets(field: string): Bytes {
    return this.#content(field, derTags.octetString)
  }

  /** Content of a BIT STRING, and how many of its last bits are unused (they are zero). */
  bits(field: string): { readonly bytes: Bytes; readonly unused: number } {
    const at = this.#offset
    const content = this.#content(field, derTags.bitString)
    const unused = content[0]
    const last = content.at(-1) ?? 0
    if (unused === undefined || unused > 7 || (unused > 0 && content.length === 1))
      throw new MalformedError(field, at, 'a bit string with a bad count of unused bits')
    if (content.length > 1 && (last & ((1 << unused) - 1)) !== 0)
      throw new MalformedError(field, at, 'a bit string whose unused bits are not zero')
    return { bytes: content.subarray(1), unused }
  }

  /** Content of an OBJECT IDENTIFIER as it stands, for comparing: its arcs are not looked at. */
  objectIdContent(field: string): Bytes {
    return this.#content(field, derTags.objectId)
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  objectId(field: string): string {
    const at = this.#offset
    return dotted(this.#content(field, derTags.objectId), field, at)
  }

  /** A UTCTime or GeneralizedTime in the one form that RFC 5280 section 4.1.2.5 allows. */
  time(field: string): UnixSeconds {
    const at = this.#offset
    const { tag, content } = this.any(field)
    const { length } = content
    const fits =
      tag === derTags.utcTime ? length === 13 : tag === derTags.generalizedTime && length === 15
    const seconds = fits && content[length - 1] === 0x5a ? calendarSeconds(content) : undefined
    if (seconds === undefined)
      throw new MalformedError(field, at, 'expected a time since 1970 that ends in seconds and Z')
    return seconds
  }

  /** Asserts that nothing is left. @throws {MalformedError} naming `field`. */
  end(field: string): void {
    if (this.remaining > 0)
      throw new MalformedError(field, this.#offset, `${this.remaining} bytes are left over`)
  }

  /** The content of the next element, which must have this tag, as one view. */
  #content(field: string, tag: number): Bytes {
    this.#expect(field, tag)
    const { content, end } = this.#header(field)
    this.#offset = end
    return this.#bytes.subarray(content, end)
  }

  #expect(field: string, tag: number): void {
    const got = this.peek()
    if (got !== tag)
      throw new MalformedError(
        field,
        this.#offset,
        `got ${got === undefined ? 'the end' : `tag ${hex(got)}`}, expected tag ${hex(tag)}`,
      )
  }

  #header(field: string): { tag: number; start: number; content: number; end: number } {
    const start = this.#offset
    const tag = this.#byte(start, field)
    if ((tag & 0x1f) === 0x1f) throw new MalformedError(field, start, 'a tag of several bytes')
    const first = this.#byte(start + 1, field)
    const count = first < 0x80 ? 0 : first & 0x7f
    if (first === 0x80 || count > 4) throw new MalformedError(field, start + 1, 'a bad length')
    let length = first
    if (count > 0) {
      length = 0
      for (let index = 0; index < count; index++)
        length = length * 256 + this.#byte(start + 2 + index, field)
      if (length < 0x80 || length < 256 ** (count - 1))
        throw new MalformedError(field, start + 1, 'a length with needless bytes')
    }
    const content = start + 2 + count
    if (length > this.#end - content)
      throw new MalformedError(
        field,
        start,
        `needs ${length} bytes, ${Math.max(0, this.#end - content)} are left`,
      )
    return { tag, start, content, end: content + length }
  }

  #byte(at: number, field: string): number {
    const byte = at < this.#end ? this.#bytes[at] : undefined
    if (byte === undefined) throw new MalformedError(field, at, 'ends inside a tag or length')
    return byte
  }
}

function dotted(content: Bytes, field: string, at: number): string {
  const arcs: number[] = []
  let arc = 0
  let started = false
  for (const byte of content) {
    if (!started && byte === 0x80) throw new MalformedError(field, at, 'an arc with needless bytes')
    if (arc > 2 ** 40) throw new MalformedError(field, at, 'an arc past 2^47')
    arc = arc * 128 + (byte & 0x7f)
    started = byte >= 0x80
    if (started) continue
    if (arcs.length === 0)
      arcs.push(Math.min(2, Math.floor(arc / 40)), arc - Math.min(2, Math.floor(arc / 40)) * 40)
    else arcs.push(arc)
    arc = 0
  }
  if (started || arcs.length === 0)
    throw new MalformedError(field, at, 'an object identifier that ends inside an arc')
  return arcs.join('.')
}

/** The digits of a time, with two or four for the year. Undefined where there is no such time. */
function calendarSeconds(content: Bytes): UnixSeconds | undefined {
  const pair = (at: number): number => {
    const [tens = 0, ones = 0] = [content[at], content[at + 1]]
    const digits = tens >= 0x30 && tens <= 0x39 && ones >= 0x30 && ones <= 0x39
    return digits ? (tens - 0x30) * 10 + ones - 0x30 : Number.NaN
  }
  const short = content.length === 13
  const start = short ? 2 : 4
  const year = short ? pair(0) + (pair(0) < 50 ? 2000 : 1900) : pair(0) * 100 + pair(2)
  const [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map((at) => pair(start + at))
  if (month === undefined || day === undefined || hour === undefined) return undefined
  if (minute === undefined || second === undefined) return undefined
  const milliseconds = Date.UTC(year, month - 1, day, hour, minute, second)
  // Date.UTC rolls 31 February and 24 o'clock over: only a time that reads back the same is one.
  if (!(milliseconds >= 0) || !(hour < 24 && minute < 60 && second < 60)) return undefined
  const back = new Date(milliseconds)
  const same = back.getUTCMonth() === month - 1 && back.getUTCDate() === day
  return same && back.getUTCFullYear() === year ? unixSeconds(milliseconds / 1000) : undefined
}

function hex(tag: number): string {
  return tag.toString(16).padStart(2, '0')
}
