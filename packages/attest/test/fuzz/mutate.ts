import type { Bytes } from '@cloister/codec'
import { fieldsOf } from './layouts.ts'
import { mutateField, mutateRaw, mutantBytesMax } from './mutate-bytes.ts'
import { mutateCbor, readCbor } from './mutate-cbor.ts'
import { mutateDer, readDer } from './mutate-der.ts'
import { mutateJson, mutatePem, mutatePlain, mutateXml } from './mutate-text.ts'
import type { Random } from './random.ts'

/** Most characters that a mutant grows to: past the bound on collateral. */
const mutantCharactersMax = 5_000_000

/** Changes a value by what it looks like, one to four times over; `donor` is another genuine value of its kind. */
export function mutate(value: Bytes, random: Random, donor?: Bytes): Bytes
export function mutate(value: string, random: Random, donor?: string): string
export function mutate(
  value: Bytes | string,
  random: Random,
  donor: Bytes | string = value,
): Bytes | string {
  let changed: Bytes | string = value
  for (let times = 1 + (random.once(3) ? random.below(4) : 0); times > 0; times--)
    changed =
      typeof changed === 'string'
        ? mutateText(changed, random, String(donor)).slice(0, mutantCharactersMax)
        : mutateBytes(changed, random, typeof donor === 'string' ? changed : donor)
  return changed
}

/** Changes bytes: by their fields, as CBOR or DER, by the text that lies in them, or without looking. */
export function mutateBytes(bytes: Bytes, random: Random, donor: Bytes = bytes): Bytes {
  if (random.once(4)) return mutateRaw(bytes, random, donor)
  const fields = fieldsOf(bytes)
  const pem = findPem(bytes)
  if (pem !== undefined && random.once(3)) return withPem(bytes, pem, random)
  if (fields.length > 0) return mutateField(bytes, fields, random, donor)
  const inside = (inner: Bytes): Bytes => mutateBytes(inner, random)
  const cbor = readCbor(bytes)
  if (cbor !== undefined) return capped(mutateCbor(cbor, random, inside))
  const der = readDer(bytes)
  if (der !== undefined) return capped(mutateDer(der, random, inside))
  return mutateRaw(bytes, random, donor)
}

/** Changes text: as PEM, JSON, XML or hexadecimal, or without looking. */
export function mutateText(text: string, random: Random, donor: string = text): string {
  if (text.length === 0) return mutatePlain('x', random)
  if (random.once(5)) return mutatePlain(text, random, donor)
  if (text.startsWith('-----BEGIN')) return mutatePem(text, random, mutateBytes)
  if (text.startsWith('<')) return mutateXml(text, random)
  if (/^[[{]/.test(text)) {
    const json = mutateJson(text, random, mutateText)
    if (json !== undefined) return json
  }
  if (text.length >= 16 && text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text)) {
    const changed = Buffer.from(mutateBytes(new Uint8Array(Buffer.from(text, 'hex')), random))
    const hex = changed.toString('hex')
    return random.once(32) ? hex.toUpperCase() : hex
  }
  return mutatePlain(text, random, donor)
}

type Span = { readonly start: number; readonly end: number }

/** Where PEM text lies in bytes: quotes carry their chain so. */
function findPem(bytes: Bytes): Span | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const start = view.indexOf('-----BEGIN')
  if (start < 0) return undefined
  const last = view.lastIndexOf('-----END')
  return { start, end: Math.min(bytes.length, Math.max(start, last) + 26) }
}

/** The bytes with their PEM text changed, and the sizes that lie before it made to fit. */
function withPem(bytes: Bytes, { start, end }: Span, random: Random): Bytes {
  const view = Buffer.from(bytes)
  const text = Buffer.from(mutateText(view.toString('latin1', start, end), random), 'latin1')
  const changed = new Uint8Array(
    Buffer.concat([view.subarray(0, start), text.subarray(0, mutantBytesMax), view.subarray(end)]),
  )
  const grown = text.length - (end - start)
  if (random.once(8)) return capped(changed)
  const data = new DataView(changed.buffer)
  for (const { offset, size } of fieldsOf(bytes).filter((field) => field.kind === 'little')) {
    const holds = size === 4 && offset + 4 <= start && offset >= 400
    if (holds) data.setUint32(offset, data.getUint32(offset, true) + grown, true)
  }
  return capped(changed)
}

function capped(bytes: Bytes): Bytes {
  return bytes.length > mutantBytesMax ? bytes.slice(0, mutantBytesMax) : bytes
}
