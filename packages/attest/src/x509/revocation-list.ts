import {
  derTags,
  DerReader,
  encodeHex,
  MalformedError,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import type { SignatureAlgorithm } from '#crypto'
import { eachExtension, readExtensionList } from './extensions.ts'
import { objectIds } from './object-ids.ts'
import { readSignatureAlgorithm } from './signature-algorithm.ts'
import { readSignature } from './signed.ts'

/** What a certificate revocation list says. Nothing here is verified. */
export type RevocationList = {
  readonly tbs: Bytes
  readonly algorithm: SignatureAlgorithm
  readonly form: 'der'
  readonly signature: Bytes
  /** The issuer's distinguished name, DER in hexadecimal. */
  readonly issuer: string
  readonly thisUpdate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  /** Absent in lists that do not count themselves. */
  readonly number: number | undefined
  /** Serial numbers of revoked certificates, as {@link Certificate} writes them. */
  readonly revoked: ReadonlySet<string>
}

/**
 * Reads a complete version 2 list with a next update.
 *
 * Partial, delta and indirect lists are refused: each carries a critical extension.
 * Nothing is trusted yet. Spec: RFC 5280 section 5.1.
 *
 * @throws {MalformedError} naming the field.
 */
export function parseRevocationList(der: Bytes, field: string): RevocationList {
  const outer = new DerReader(der)
  const list = outer.inside(field)
  outer.end(field)
  const tbsElement = list.any(`${field} tbsCertList`)
  const { algorithm, text } = readSignatureAlgorithm(list, field)
  const signature = readSignature(list, algorithm, `${field} signature`)
  list.end(field)

  const tbs = new DerReader(tbsElement.whole).inside(`${field} tbsCertList`)
  if (tbs.unsigned(`${field} version`) !== 1)
    throw new MalformedError(`${field} version`, 0, 'expected version 2')
  if (readSignatureAlgorithm(tbs, field).text !== text)
    throw new MalformedError(`${field} signature algorithm`, 0, 'the two algorithms differ')
  const issuer = tbs.element(`${field} issuer`, derTags.sequence)
  const thisUpdate = tbs.time(`${field} thisUpdate`)
  const nextUpdate = tbs.time(`${field} nextUpdate`)
  const revoked = new Set<string>()
  if (tbs.peek() === derTags.sequence)
    readRevoked(tbs.inside(`${field} revoked certificates`), field, revoked)
  const number = readNumber(tbs.inside(`${field} extensions`, 0xa0), field)
  tbs.end(`${field} tbsCertList`)

  return {
    tbs: tbsElement.whole,
    algorithm,
    form: 'der',
    signature,
    issuer: encodeHex(issuer.whole),
    thisUpdate,
    nextUpdate,
    number,
    revoked,
  }
}

function readRevoked(entries: DerReader, field: string, revoked: Set<string>): void {
  while (entries.remaining > 0) {
    const entry = entries.inside(`${field} entry`)
    revoked.add(encodeHex(entry.integer(`${field} entry serial number`)))
    entry.time(`${field} entry date`)
    if (entry.remaining === 0) continue
    const extensions = readExtensionList(entry.inside(`${field} entry`), `${field} entry`)
    entry.end(`${field} entry`)
    // A critical entry extension can say that the entry speaks of another issuer's certificate.
    for (const { id, critical } of extensions)
      if (critical) throw new MalformedError(`${field} entry extension ${id}`, 0, 'critical')
  }
}

function readNumber(wrapper: DerReader, field: string): number | undefined {
  let number: number | undefined
  for (const { id, critical, value } of eachExtension(wrapper, field)) {
    if (critical)
      throw new MalformedError(`${field} extension ${id}`, 0, 'critical, and not known here')
    if (id === objectIds.crlNumber) {
      const r = new DerReader(value)
      number = r.unsigned(`${field} number`)
      r.end(`${field} number`)
    }
  }
  return number
}
