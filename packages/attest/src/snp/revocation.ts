import { parseHex, type UnixSeconds } from '@cloister/codec'
import { malformedAs, refuseUnless } from '../reject.ts'
import type { CertificateMemory } from '../x509/chain.ts'
import { keyUsageBits, mayUse } from '../x509/extensions.ts'
import { parseRevocationList } from '../x509/revocation-list.ts'
import type { VerifiedChain } from './chain.ts'
import { sayTime } from '../say-time.ts'

/** Most characters of a list, in hexadecimal. AMD's have fewer than 2000. */
const listCharactersMax = 256 * 1024

/**
 * Checks a chain against the revocation list of its product line, DER in hexadecimal, and says when that list ends.
 *
 * The root signs the list: it speaks of the root and of the authorities below it, by serial number. Every VCEK and VLEK
 * has serial number 0, so AMD can take them back only with their authority.
 * Spec: 57230, chapter 4 (key distribution service); RFC 5280 section 6.3.
 *
 * @throws {Refusal} CRL_INVALID_OR_EXPIRED or CERT_REVOKED.
 */
export async function verifyRevocation(
  crl: string,
  { root, authority }: VerifiedChain,
  now: UnixSeconds,
  memory: CertificateMemory,
): Promise<UnixSeconds> {
  const field = 'AMD revocation list'
  refuseUnless(
    crl.length <= listCharactersMax,
    'CRL_INVALID_OR_EXPIRED',
    () => `${field}: ${crl.length} characters, at most ${listCharactersMax} are read`,
  )
  const list = malformedAs('CRL_INVALID_OR_EXPIRED', () =>
    memory.lists.get(
      crl,
      now,
      () => parseRevocationList(parseHex(crl, field), field),
      ({ nextUpdate }) => nextUpdate,
    ),
  )
  refuseUnless(
    list.issuer === root.subject,
    'CRL_INVALID_OR_EXPIRED',
    () => `${field}: not issued by "${root.commonName}"`,
  )
  refuseUnless(
    root.extensions === undefined || mayUse(root.extensions, keyUsageBits.crlSign),
    'CRL_INVALID_OR_EXPIRED',
    () => `${field}: "${root.commonName}" may not sign lists`,
  )
  refuseUnless(
    await memory.signatures.holds(list, root),
    'CRL_INVALID_OR_EXPIRED',
    () => `${field}: not signed by "${root.commonName}"`,
  )
  refuseUnless(
    list.thisUpdate <= now && now <= list.nextUpdate,
    'CRL_INVALID_OR_EXPIRED',
    () =>
      `${field}: valid from ${sayTime(list.thisUpdate)} to ${sayTime(list.nextUpdate)}, now is ${sayTime(now)}`,
  )
  for (const { serial, commonName } of [root, authority])
    refuseUnless(
      !list.revoked.has(serial),
      'CERT_REVOKED',
      () => `${field}: names serial number ${serial} of "${commonName}"`,
    )
  return list.nextUpdate
}
