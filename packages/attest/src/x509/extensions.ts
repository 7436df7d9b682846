import { DerReader, derTags, MalformedError, type Bytes } from '@cloister/codec'
import { objectIds } from './object-ids.ts'

/** The certificate extensions that decide something. */
export type Extensions = {
  /** basicConstraints cA. Absent means false. */
  readonly ca: boolean
  /** How many CA certificates may lie below, where that is limited. */
  readonly pathLength: number | undefined
  /** Bits of keyUsage, the first named bit lowest; undefined where the extension is absent. */
  readonly keyUsage: number | undefined
  /** Key purposes, where they are limited. */
  readonly extendedKeyUsage: readonly string[] | undefined
  /** Content of every extension by its object identifier: vendors put what they certify into some of their own. */
  readonly values: ReadonlyMap<string, Bytes>
}

/**
 * Extensions that may be critical: those of vendors, judged where their evidence is; and other names of a subject
 * without a distinguished one, as in certificates of TPM keys: nothing goes by them here.
 */
const vendorExtensions: ReadonlySet<string> = new Set([
  objectIds.subjectAltName,
  objectIds.sgxExtension,
  objectIds.tcgDiceFwid,
  objectIds.tcgDiceTcbInfo,
])

/** Most extensions of one list. Certificates and revocation lists of vendors have at most 12. */
export const extensionsMax = 32

/** Bits of {@link Extensions} `keyUsage`. Spec: RFC 5280 section 4.2.1.3. */
export const keyUsageBits = { digitalSignature: 0, keyCertSign: 5, crlSign: 6 } as const

/** Whether a certificate's key may be used so: it may where keyUsage is absent. */
export function mayUse(extensions: Extensions, bit: number): boolean {
  return extensions.keyUsage === undefined || ((extensions.keyUsage >> bit) & 1) === 1
}

/**
 * Reads certificate extensions. A critical one that is not known here, or any one twice, is refused.
 *
 * Spec: RFC 5280 section 4.2.
 *
 * @throws {MalformedError} naming the extension.
 */
export function readExtensions(wrapper: DerReader, field: string): Extensions {
  let ca = false
  let pathLength: number | undefined
  let keyUsage: number | undefined
  let extendedKeyUsage: readonly string[] | undefined
  const values = new Map<string, Bytes>()
  for (const { id, critical, value } of eachExtension(wrapper, field)) {
    const name = `${field} extension ${id}`
    values.set(id, value)
    switch (id) {
      case objectIds.basicConstraints: {
        const r = new DerReader(value)
        const constraints = r.inside(name)
        r.end(name)
        ca = constraints.peek() === derTags.boolean && constraints.boolean(name)
        if (constraints.remaining > 0) pathLength = constraints.unsigned(name)
        constraints.end(name)
        break
      }
      case objectIds.keyUsage: {
        const r = new DerReader(value)
        keyUsage = namedBits(r.bits(name).bytes)
        r.end(name)
        break
      }
      case objectIds.extendedKeyUsage:
        extendedKeyUsage = readPurposes(value, name)
        break
      default:
        if (critical && !vendorExtensions.has(id))
          throw new MalformedError(name, 0, 'critical, and not known here')
    }
  }
  return { ca, pathLength, keyUsage, extendedKeyUsage, values }
}

/**
 * Reads `Extensions` out of their explicit tag, for certificates and revocation lists alike.
 *
 * @throws {MalformedError} naming the extension, where one occurs twice or is not in its format; or past 32 of them.
 */
export function eachExtension(
  wrapper: DerReader,
  field: string,
): readonly { readonly id: string; readonly critical: boolean; readonly value: Bytes }[] {
  const list = wrapper.inside(`${field} extensions`)
  wrapper.end(`${field} extensions`)
  return readExtensionList(list, field)
}

/** Reads the content of an `Extensions` sequence. @throws {MalformedError} naming the extension. */
export function readExtensionList(
  list: DerReader,
  field: string,
): readonly { readonly id: string; readonly critical: boolean; readonly value: Bytes }[] {
  const found: { id: string; critical: boolean; value: Bytes }[] = []
  const ids = new Set<string>()
  while (list.remaining > 0) {
    if (found.length === extensionsMax)
      throw new MalformedError(field, list.offset, `more than ${extensionsMax} extensions`)
    const extension = list.inside(`${field} extension`)
    const id = extension.objectId(`${field} extension`)
    const name = `${field} extension ${id}`
    const critical = extension.peek() === derTags.boolean && extension.boolean(name)
    const value = extension.octets(name)
    extension.end(name)
    if (ids.has(id)) throw new MalformedError(name, 0, 'occurs twice')
    ids.add(id)
    found.push({ id, critical, value })
  }
  return found
}

function readPurposes(value: Bytes, name: string): readonly string[] {
  const outer = new DerReader(value)
  const list = outer.inside(name)
  outer.end(name)
  const purposes: string[] = []
  while (list.remaining > 0) purposes.push(list.objectId(name))
  return purposes
}

function namedBits(bytes: Bytes): number {
  let bits = 0
  for (const [index, byte] of bytes.subarray(0, 2).entries())
    for (let bit = 0; bit < 8; bit++)
      if ((byte & (0x80 >> bit)) !== 0) bits |= 1 << (index * 8 + bit)
  return bits
}
