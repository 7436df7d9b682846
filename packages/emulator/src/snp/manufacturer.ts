import type { ProductLine } from '@cloister/attest'
import { assert, encodeHex, unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
import { subjectPublicKeyInfo, toPem } from '../certificate.ts'
import { issueRevocationList } from '../revocation-list.ts'
import { sha256 } from '../signing-key.ts'
import { alwaysRevoked, createSnpAuthority, type SnpAuthority } from './authority.ts'
import { createSnpPlatform, type SnpPlatform, type SnpPlatformOptions } from './platform.ts'

/** How long a revocation list lives: as AMD's, 46 days. */
export const snpListLifetimeSeconds = 46 * 86_400

/** What can be chosen about a revocation list. */
export type SnpListOptions = {
  readonly issuedAt?: UnixSeconds
  readonly lifetimeSeconds?: number
  readonly number?: number
  /** Sign with the root of this line instead: the list of another product. */
  readonly issuer?: ProductLine
}

/** A manufacturer of emulated SEV-SNP machines. Its evidence proves nothing about hardware. */
export type SnpManufacturer = {
  /** SHA-256 of a root's SubjectPublicKeyInfo, hexadecimal: what a development anchor pins. */
  anchorSpkiSha256(line: ProductLine): string
  rootDer(line: ProductLine): Bytes
  /** Authority and root in PEM, as AMD's key service gives them out for keys of this kind. */
  certificateChain(line: ProductLine, kind: 'VCEK' | 'VLEK'): string
  /** DER of the list that a line's root signs. */
  revocationList(line: ProductLine, options?: SnpListOptions): Bytes
  createPlatform(options: SnpPlatformOptions): SnpPlatform
  /** The machine that was made here with this hardware id (hexadecimal). */
  findPlatform(line: ProductLine, hardwareId: string): SnpPlatform | undefined
  /** Puts a line's root or authority on every list issued from here on: all keys below it go with it. */
  revoke(line: ProductLine, authority: 'ARK' | 'ASK' | 'ASVK'): void
}

/**
 * Opens a manufacturer. Keys, ids and signatures follow from the 32-byte seed. Each product line has a
 * root and authorities of its own, whose RSA keys take about a second each when they are first asked for.
 */
export function createSnpManufacturer(options: {
  readonly seed: Bytes
  readonly now: UnixSeconds
}): SnpManufacturer {
  const { seed, now } = options
  assert(seed.length === 32, `a manufacturer's seed has 32 bytes, got ${seed.length}`)
  const authorities: Readonly<Record<ProductLine, SnpAuthority>> = {
    Milan: createSnpAuthority(seed, 'Milan'),
    Genoa: createSnpAuthority(seed, 'Genoa'),
    Turin: createSnpAuthority(seed, 'Turin'),
  }
  const revoked = new Map<ProductLine, Map<string, Bytes>>()
  const platforms = new Map<string, SnpPlatform>()
  return {
    anchorSpkiSha256: (line) => encodeHex(sha256(subjectPublicKeyInfo(authorities[line].ark.key))),
    rootDer: (line) => authorities[line].ark.der,
    certificateChain: (line, kind) => {
      const { ark, ask, asvk } = authorities[line]
      return toPem((kind === 'VCEK' ? ask : asvk).der, ark.der)
    },
    revocationList: (line, chosen = {}) => {
      const issuedAt = chosen.issuedAt ?? now
      const lifetime = chosen.lifetimeSeconds ?? snpListLifetimeSeconds
      const content = {
        thisUpdate: issuedAt,
        nextUpdate: unixSeconds(issuedAt + lifetime),
        crlNumber: chosen.number ?? 1,
        revokedSerials: [...alwaysRevoked[line], ...(revoked.get(line)?.values() ?? [])],
      }
      return issueRevocationList(content, authorities[chosen.issuer ?? line].ark)
    },
    createPlatform: (chosen) => {
      const platform = createSnpPlatform(seed, authorities[chosen.line], chosen, now)
      platforms.set(`${chosen.line}/${encodeHex(platform.hardwareId)}`, platform)
      return platform
    },
    findPlatform: (line, hardwareId) => platforms.get(`${line}/${hardwareId.toLowerCase()}`),
    revoke: (line, authority) => {
      const { serial } = authorities[line][roles[authority]]
      const list = revoked.get(line) ?? new Map<string, Bytes>()
      revoked.set(line, list.set(encodeHex(serial), serial))
    },
  }
}

const roles = { ARK: 'ark', ASK: 'ask', ASVK: 'asvk' } as const
