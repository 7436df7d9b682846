import type { Bytes, UnixSeconds } from '@cloister/codec'
import { authorityKeyIdentifier, distinguishedName, extension, type Issuer } from './certificate.ts'
import {
  bitString,
  enumerated,
  explicit,
  integer,
  sequence,
  unsignedInteger,
  utcTime,
} from './der.ts'

/** What a revocation list says. */
export type RevocationListContent = {
  readonly thisUpdate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  /** Rises with every list of one issuer. Spec: RFC 5280 section 5.2.3. */
  readonly crlNumber: number
  readonly revokedSerials: readonly Bytes[]
}

/** Issues an X.509 v2 certificate revocation list. Spec: RFC 5280 section 5. */
export function issueRevocationList(content: RevocationListContent, issuer: Issuer): Bytes {
  const revoked = content.revokedSerials.map((serial) => revokedEntry(serial, content.thisUpdate))
  const tbs = sequence(
    integer(1),
    issuer.key.signatureAlgorithm,
    distinguishedName(issuer.name),
    utcTime(content.thisUpdate),
    utcTime(content.nextUpdate),
    // An empty list is left out, as the specification demands.
    ...(revoked.length > 0 ? [sequence(...revoked)] : []),
    explicit(
      0,
      sequence(
        extension('2.5.29.20', false, integer(content.crlNumber)),
        authorityKeyIdentifier(issuer.key),
      ),
    ),
  )
  return sequence(tbs, issuer.key.signatureAlgorithm, bitString(issuer.key.signDer(tbs)))
}

const keyCompromise = 1

function revokedEntry(serial: Bytes, date: UnixSeconds): Bytes {
  const reason = extension('2.5.29.21', false, enumerated(keyCompromise))
  return sequence(unsignedInteger(serial), utcTime(date), sequence(reason))
}
