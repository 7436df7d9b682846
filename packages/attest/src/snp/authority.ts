import { encodeHex, encodeUtf8, parseBase64Url, unixSeconds } from '@cloister/codec'
import { publicKey } from '#crypto'
import { keyName, type Certificate } from '../x509/certificate.ts'
import { authorityKeys, type AuthorityKey } from './authority-keys.ts'
import { productLines, type ProductLine } from './product.ts'

/** Who signs certificates: as a certificate says it, or as this package knows it of AMD. */
export type Authority = Pick<
  Certificate,
  'commonName' | 'subject' | 'serial' | 'notBefore' | 'notAfter' | 'key' | 'keyName' | 'numbers'
> &
  Partial<Pick<Certificate, 'extensions'>>

/** An authority of AMD's, the product line that it is of, and which certificates it signs. */
export type KnownAuthority = {
  readonly line: ProductLine
  readonly signs: 'VCEK' | 'VLEK'
  readonly authority: Authority
}

/** The authority of AMD's that bears this distinguished name (DER in hexadecimal). */
export function findAuthority(subject: string): KnownAuthority | undefined {
  return knownAuthorities().find(({ authority }) => authority.subject === subject)
}

/** AMD's root of a product line. */
export function rootOf(line: ProductLine): Authority {
  roots[line] ??= authorityOf(authorityKeys[line].ark)
  return roots[line]
}

let known: readonly KnownAuthority[] | undefined
const roots: Partial<Record<ProductLine, Authority>> = {}

function knownAuthorities(): readonly KnownAuthority[] {
  known ??= productLines.flatMap((line) => {
    const { ask, asvk } = authorityKeys[line]
    return [
      { line, signs: 'VCEK', authority: authorityOf(ask) },
      { line, signs: 'VLEK', authority: authorityOf(asvk) },
    ]
  })
  return known
}

function authorityOf(each: AuthorityKey): Authority {
  const { commonName, serial, notBefore, notAfter } = each
  const numbers = {
    kind: 'rsa',
    modulus: parseBase64Url(each.modulus, 'modulus'),
    exponent: Uint8Array.of(1, 0, 1),
  } as const
  return {
    commonName,
    subject: distinguishedName(commonName),
    serial,
    notBefore: unixSeconds(notBefore),
    notAfter: unixSeconds(notAfter),
    numbers,
    keyName: keyName(numbers),
    key: publicKey(numbers),
  }
}

/** DER of OU=Engineering, C=US, L=Santa Clara, ST=CA and O=Advanced Micro Devices, in hexadecimal. */
const organisation =
  '31143012060355040b0c0b456e67696e656572696e67310b300906035504061302555331143012060355040' +
  '70c0b53616e746120436c617261310b300906035504080c024341311f301d060355040a0c16416476616e636564' +
  '204d6963726f2044657669636573'

/** How AMD's certificates name who holds this common name: DER in hexadecimal. Spec: 57230, tables of the certificates. */
function distinguishedName(commonName: string): string {
  const text = encodeHex(encodeUtf8(commonName))
  const attribute = `0603550403${tagged('0c', text)}`
  return tagged('30', organisation + tagged('31', tagged('30', attribute)))
}

/** A DER value of less than 256 bytes. */
function tagged(tag: string, content: string): string {
  const size = content.length / 2
  return tag + (size < 0x80 ? '' : '81') + size.toString(16).padStart(2, '0') + content
}
