import { compareBytes, joinBytes, parseUtf8, type Bytes } from './bytes.ts'
import { assert, MalformedError } from './errors.ts'
import { Reader } from './reader.ts'

/**
 * What CBOR holds here. Integers are numbers where those are exact, else bigints; `undefined` is
 * simple value 23. There are no floating-point numbers and no other simple values.
 */
export type Cbor =
  | number
  | bigint
  | string
  | Bytes
  | boolean
  | null
  | undefined
  | readonly Cbor[]
  | CborMap
  | CborTag

/** A map as evidence uses it: keys are integers or text, and no two are the same. */
export type CborMap = ReadonlyMap<number | bigint | string, Cbor>

/** A tagged item. No tag means anything here: what it asks of `value` is the caller's to check. */
export class CborTag {
  readonly tag: number | bigint
  readonly value: Cbor

  constructor(tag: number | bigint, value: Cbor) {
    this.tag = tag
    this.value = value
  }
}

/** How much CBOR from outside may ask of a reader, and which forms of it are read. */
export type CborLimits = {
  /** Bytes of the whole input, padding included. */
  readonly bytesMax: number
  /** Arrays, maps and tags around one item. At most 256, so that no stack overflows. */
  readonly depthMax: number
  /** Items in all: each number, text, key, tag, array, map, and piece of a string is one. */
  readonly itemsMax: number
  /** Reads only the deterministic encoding of RFC 8949 section 4.2.1, whatever `indefinite` says. */
  readonly canonical?: boolean
  /** Also reads strings, arrays and maps that do not say how long they are. */
  readonly indefinite?: boolean
}

const stackDepthMax = 256

/** The values of major type 7 that are read. Spec: RFC 8949 section 3.3. */
const simpleValues: ReadonlyMap<number, boolean | null | undefined> = new Map([
  [20, false],
  [21, true],
  [22, null],
  [23, undefined],
])

/** Whether an item is a map. */
export function isCborMap(value: Cbor): value is CborMap {
  return value instanceof Map
}

/** Whether an item is an array. */
export function isCborArray(value: Cbor): value is readonly Cbor[] {
  return Array.isArray(value)
}

/**
 * Reads one item that fills `bytes`. Byte strings are views where they are in one piece.
 *
 * @throws {MalformedError} naming `field`, with the offset of the item that is malformed, past a limit
 * or of a kind that is not read. Spec: RFC 8949.
 */
export function parseCbor(bytes: Bytes, field: string, limits: CborLimits): Cbor {
  const { value, size } = parseCborPrefix(bytes, field, limits)
  if (size < bytes.length)
    throw new MalformedError(field, size, `${bytes.length - size} bytes are left over`)
  return value
}

/**
 * Reads one item at the start of `bytes` and says how many bytes it takes. Nothing after it is
 * looked at: the caller knows what padding may hold. Otherwise as {@link parseCbor}.
 *
 * @throws {MalformedError} naming `field`.
 */
export function parseCborPrefix(
  bytes: Bytes,
  field: string,
  limits: CborLimits,
): { readonly value: Cbor; readonly size: number } {
  assert(limits.depthMax <= stackDepthMax, `a CBOR depth limit past ${stackDepthMax}`)
  if (bytes.length > limits.bytesMax)
    throw new MalformedError(field, 0, `${bytes.length} bytes, at most ${limits.bytesMax} are read`)
  const items = new ItemReader(bytes, field, limits)
  return { value: items.item(0), size: items.offset }
}

/** What an item starts with: its kind, and its value, length or count. */
type Head = {
  /** Where the item starts. */
  readonly at: number
  readonly major: number
  /** Undefined for an indefinite length, and for the break that ends one. */
  readonly argument: number | bigint | undefined
}

class ItemReader {
  readonly #bytes: Bytes
  readonly #r: Reader
  readonly #field: string
  readonly #limits: CborLimits
  #itemsLeft: number

  constructor(bytes: Bytes, field: string, limits: CborLimits) {
    this.#bytes = bytes
    this.#r = new Reader(bytes, 'big')
    this.#field = field
    this.#limits = limits
    this.#itemsLeft = limits.itemsMax
  }

  get offset(): number {
    return this.#r.offset
  }

  /** The next item, which lies inside `depth` others. */
  item(depth: number): Cbor {
    return this.#content(this.#head(), depth)
  }

  #content(head: Head, depth: number): Cbor {
    const { at, major, argument } = head
    if (major === 0) return definite(argument)
    if (major === 1) return minusOneMinus(definite(argument))
    if (major === 2) return this.#byteString(head)
    if (major === 3) return this.#text(head)
    if (major === 7) {
      if (argument === undefined) this.#refuse(at, 'a break where an item has to be')
      return simpleValues.get(Number(argument))
    }
    if (depth === this.#limits.depthMax)
      this.#refuse(at, `nested deeper than ${this.#limits.depthMax}`)
    if (major === 4) return this.#array(head, depth + 1)
    if (major === 5) return this.#map(head, depth + 1)
    return new CborTag(definite(argument), this.item(depth + 1))
  }

  /** Reads the first byte and the number that follows it. Spec: RFC 8949 section 3. */
  #head(): Head {
    const r = this.#r
    const at = r.offset
    const first = r.u8(this.#field)
    const major = first >> 5
    const information = first & 0x1f
    if (information >= 28 && information <= 30)
      this.#refuse(at, `reserved additional information ${information}`)
    if (first === 0xff) return { at, major, argument: undefined }
    if (major === 7 && !simpleValues.has(information))
      this.#refuse(at, `got ${kindOfSimple(information)}, which is not read here`)
    if (this.#itemsLeft-- === 0) this.#refuse(at, `more than ${this.#limits.itemsMax} items`)

    if (information === 31) {
      if (major < 2 || major > 5) this.#refuse(at, 'an indefinite length on what has none')
      if (this.#limits.indefinite !== true || this.#limits.canonical === true)
        this.#refuse(at, 'an indefinite length, which is not read here')
      return { at, major, argument: undefined }
    }
    const argument = information < 24 ? information : this.#number(information)
    const floor = information < 24 ? 0 : shortestFloors[information - 24]
    if (this.#limits.canonical === true && floor !== undefined && argument < floor)
      this.#refuse(at, `${argument} is not in its shortest form`)
    return { at, major, argument }
  }

  #number(information: number): number | bigint {
    const r = this.#r
    if (information === 24) return r.u8(this.#field)
    if (information === 25) return r.u16(this.#field)
    if (information === 26) return r.u32(this.#field)
    return narrow(r.u64(this.#field))
  }

  #byteString({ at, major, argument }: Head): Bytes {
    if (argument !== undefined) return this.#string(at, argument)
    const pieces: Bytes[] = []
    for (const piece of this.#pieces(major)) pieces.push(this.#string(piece.at, piece.argument))
    return joinBytes(pieces)
  }

  #text({ at, major, argument }: Head): string {
    if (argument !== undefined) return this.#utf8(at, this.#string(at, argument))
    let text = ''
    // Each piece is UTF-8 by itself: no character may lie across two of them.
    for (const piece of this.#pieces(major))
      text += this.#utf8(piece.at, this.#string(piece.at, piece.argument))
    return text
  }

  /** The heads of the pieces of an indefinite string. Spec: RFC 8949 section 3.2.3. */
  *#pieces(major: number): Generator<{ readonly at: number; readonly argument: number | bigint }> {
    for (let head = this.#head(); !isBreak(head); head = this.#head()) {
      const { at, argument } = head
      if (head.major !== major || argument === undefined)
        this.#refuse(at, 'a piece of a string that is no string of the same kind')
      yield { at, argument }
    }
  }

  #string(at: number, length: number | bigint): Bytes {
    const { remaining } = this.#r
    if (length > remaining) this.#refuse(at, `needs ${length} bytes, ${remaining} are left`)
    return this.#r.bytes(this.#field, Number(length))
  }

  #utf8(at: number, bytes: Bytes): string {
    try {
      return parseUtf8(bytes, this.#field)
    } catch (cause) {
      throw new MalformedError(this.#field, at, 'text that is not UTF-8', { cause })
    }
  }

  #array(head: Head, depth: number): readonly Cbor[] {
    this.#checkCount(head, 1)
    const items: Cbor[] = []
    for (const item of this.#heads(head)) items.push(this.#content(item, depth))
    return items
  }

  #map(head: Head, depth: number): CborMap {
    this.#checkCount(head, 2)
    const map = new Map<number | bigint | string, Cbor>()
    let previous: Bytes | undefined
    for (const keyHead of this.#heads(head)) {
      const { at } = keyHead
      const key = this.#key(keyHead)
      if (map.has(key)) this.#refuse(at, `the key ${shown(key)} a second time`)
      const encoded = this.#bytes.subarray(at, this.#r.offset)
      if (this.#limits.canonical === true && previous && compareBytes(previous, encoded) > 0)
        this.#refuse(at, `the key ${shown(key)} out of order`)
      previous = encoded
      map.set(key, this.item(depth))
    }
    return map
  }

  #key(head: Head): number | bigint | string {
    if (head.major > 1 && head.major !== 3)
      this.#refuse(head.at, 'a key that is neither an integer nor text')
    const { major, argument } = head
    if (major === 3) return this.#text(head)
    return major === 0 ? definite(argument) : minusOneMinus(definite(argument))
  }

  /** The heads of the items of an array, or of the keys of a map, as long as the caller reads on. */
  *#heads({ argument }: Head): Generator<Head> {
    if (argument === undefined)
      for (let head = this.#head(); !isBreak(head); head = this.#head()) yield head
    else for (let index = 0; index < argument; index++) yield this.#head()
  }

  /** Refuses a count that cannot come true, before anything is read. Each item has a byte at least. */
  #checkCount({ at, argument }: Head, each: number): void {
    if (argument === undefined) return
    const items = Number(argument) * each
    if (items > this.#r.remaining)
      this.#refuse(at, `${argument} entries, only ${this.#r.remaining} bytes are left`)
    if (items > this.#itemsLeft) this.#refuse(at, `more than ${this.#limits.itemsMax} items`)
  }

  #refuse(at: number, detail: string): never {
    throw new MalformedError(this.#field, at, detail)
  }
}

/** The least number that needs one, two, four or eight bytes after the first. */
const shortestFloors = [24, 2 ** 8, 2 ** 16, 2 ** 32]

/** An integer as a number where that is exact. */
function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** What a negative integer's argument stands for. */
function minusOneMinus(argument: number | bigint): number | bigint {
  return typeof argument === 'number' && argument < Number.MAX_SAFE_INTEGER
    ? -1 - argument
    : -1n - BigInt(argument)
}

function definite(argument: number | bigint | undefined): number | bigint {
  assert(argument !== undefined, 'an integer or tag of indefinite length')
  return argument
}

function isBreak(head: Head): boolean {
  return head.major === 7 && head.argument === undefined
}

function kindOfSimple(information: number): string {
  return information > 24 ? 'a floating-point number' : 'another simple value'
}

/** A key for a message: no longer than a line. */
function shown(key: number | bigint | string): string {
  return typeof key === 'string' ? JSON.stringify(key.slice(0, 40)) : key.toString()
}
