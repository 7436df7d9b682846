import type { ProductLine } from '@cloister/attest'
import { encodeDer, encodeUtf8, parseHex, unixSeconds, type Bytes } from '@cloister/codec'
import {
  authorityKeyIdentifier,
  distinguishedName,
  extension,
  keyIdentifier,
  subjectPublicKeyInfo,
  type Issuer,
  type Validity,
} from '../certificate.ts'
import {
  bitString,
  boolean,
  explicit,
  integer,
  octetString,
  sequence,
  unsignedInteger,
  utcTime,
} from '../der.ts'
import type { CertificateKey } from '../signing-key.ts'
import { deriveRsaKey } from './rsa-key.ts'

/** An issuer with its certificate and serial number. */
export type SnpIssuer = Issuer & { readonly der: Bytes; readonly serial: Bytes }

/** Root (ARK) and authorities (ASK for VCEKs, ASVK for VLEKs) of one product line. */
export type SnpAuthority = {
  readonly ark: SnpIssuer
  readonly ask: SnpIssuer
  readonly asvk: SnpIssuer
  /** Another certificate of one of their keys: the same but for its validity, where that is given. */
  certify(role: SnpRole, validity?: Partial<Validity>): SnpIssuer
}

/** Issuers of a line. */
export type SnpRole = 'ark' | 'ask' | 'asvk'

/** AMD's own serial numbers. Genoa's first authority, 020001, was taken back before it was used. */
const serials: Readonly<Record<ProductLine, { ark: string; ask: string; asvk: string }>> = {
  Milan: { ark: '010000', ask: '010001', asvk: '010101' },
  Genoa: { ark: '020000', ask: '020002', asvk: '020101' },
  Turin: { ark: '030000', ask: '030001', asvk: '030101' },
}

/** Serial numbers that AMD's list of a line names for ever. */
export const alwaysRevoked: Readonly<Record<ProductLine, readonly Bytes[]>> = {
  Milan: [],
  Genoa: [parseHex('020001', 'serial')],
  Turin: [],
}

/**
 * Builds one line's tree. Every byte follows from the seed. Each key takes a second: they are made when
 * they are asked for.
 */
export function createSnpAuthority(seed: Uint8Array, line: ProductLine): SnpAuthority {
  let ark: SnpIssuer | undefined
  let ask: SnpIssuer | undefined
  let asvk: SnpIssuer | undefined
  const root = (): SnpIssuer => (ark ??= certify(seed, line, 'ark', undefined))
  const authority: SnpAuthority = {
    certify: (role, validity) =>
      validity === undefined
        ? authority[role]
        : certify(seed, line, role, role === 'ark' ? undefined : root(), validity),
    get ark() {
      return root()
    },
    get ask() {
      return (ask ??= certify(seed, line, 'ask', root()))
    },
    get asvk() {
      return (asvk ??= certify(seed, line, 'asvk', root()))
    },
  }
  return authority
}

const names = { ark: 'ARK-', ask: 'SEV-', asvk: 'SEV-VLEK-' }

function certify(
  seed: Uint8Array,
  line: ProductLine,
  role: SnpRole,
  root: SnpIssuer | undefined,
  validity: Partial<Validity> = {},
): SnpIssuer {
  const name = `${names[role]}${line}`
  const serial = parseHex(serials[line][role], 'serial')
  const key = deriveRsaKey(seed, `snp/${line}/${role}`)
  const issuer = root ?? { name, key }
  const { signatureAlgorithm } = issuer.key
  const { notBefore, notAfter } = { ...lifetime, ...validity }
  const tbs = sequence(
    explicit(0, integer(2)),
    unsignedInteger(serial),
    signatureAlgorithm,
    distinguishedName(issuer.name),
    sequence(utcTime(notBefore), utcTime(notAfter)),
    distinguishedName(name),
    subjectPublicKeyInfo(key),
    explicit(3, sequence(...extensions(key, root, line))),
  )
  return {
    name,
    key,
    serial,
    der: sequence(tbs, signatureAlgorithm, bitString(issuer.key.signDer(tbs))),
  }
}

// As in AMD's certificates: the root may sign lists, and has no limit of its path.
function extensions(
  key: CertificateKey,
  root: SnpIssuer | undefined,
  line: ProductLine,
): readonly Bytes[] {
  const identifier = extension('2.5.29.14', false, octetString(keyIdentifier(key)))
  const list = extension('2.5.29.31', false, distributionPoint(line))
  return root === undefined
    ? [usage(bitString(Uint8Array.of(0x06), 1)), identifier, constraints(), list]
    : [
        identifier,
        authorityKeyIdentifier(root.key),
        constraints(integer(0)),
        usage(bitString(Uint8Array.of(0x04), 2)),
        list,
      ]
}

function usage(bits: Bytes): Bytes {
  return extension('2.5.29.15', true, bits)
}

function constraints(...limit: readonly Bytes[]): Bytes {
  return extension('2.5.29.19', true, sequence(boolean(true), ...limit))
}

// RFC 2606 reserves .invalid: nobody can serve revocation lists in the emulator's name.
function distributionPoint(line: ProductLine): Bytes {
  const url = `https://emulator.cloister.invalid/vcek/v1/${line}/crl`
  return sequence(sequence(explicit(0, explicit(0, encodeDer(0x86, encodeUtf8(url))))))
}

// One lifetime for all, so that a root made from one seed is valid for every vector ever committed.
const lifetime = {
  notBefore: unixSeconds(Date.UTC(2025, 0, 1) / 1000),
  notAfter: unixSeconds(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000),
}
