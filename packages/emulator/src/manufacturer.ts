import type { ComponentStatus, IntelCollateral } from '@cloister/attest'
import { assert, encodeHex, type Bytes, type UnixSeconds } from '@cloister/codec'
import { createAuthority, type Authority } from './authority.ts'
import { subjectPublicKeyInfo, toPem } from './certificate.ts'
import { emulatorFmspc, issueCollateral, type CollateralOptions } from './collateral.ts'
import { signQuote, type QuoteRequest } from './quote.ts'
import { deriveBytes, deriveSigningKey, sha256 } from './signing-key.ts'
import { platformSvns, quotingEnclaveSvns, type PlatformStatus } from './tcb-levels.ts'

/** A manufacturer of emulated TDX machines. Its evidence proves nothing about hardware. */
export type Manufacturer = {
  /** SHA-256 of the root's SubjectPublicKeyInfo, hexadecimal: what a development anchor pins. */
  readonly anchorSpkiSha256: string
  readonly rootDer: Bytes
  /** Issues collateral as of `issuedAt`, or as of the manufacturer's own `now`. */
  collateral(options?: CollateralOptions): IntelCollateral
  createPlatform(options: PlatformOptions): Platform
  /** Puts the machine's PCK certificate on every revocation list issued from here on. */
  revoke(platform: Platform): void
}

/** What can be chosen about a machine. */
export type PlatformOptions = {
  /** Names the machine: equal seeds, equal machine. At least 16 bytes. */
  readonly machineSeed: Bytes
  readonly tcb?: PlatformStatus | 'NotSupported'
  readonly module?: ComponentStatus
  readonly quotingEnclave?: ComponentStatus
  readonly revoked?: boolean
}

/** An emulated machine. */
export type Platform = {
  /** The machine's hardware id, 16 bytes. */
  readonly ppid: Bytes
  readonly fmspc: Bytes
  readonly pckSerial: Bytes
  quote(request: QuoteRequest): Bytes
}

/**
 * Opens a manufacturer. Keys, names, serial numbers and hardware ids follow from the 32-byte seed;
 * signatures are randomised. `now` is when collateral is issued unless something else is asked for.
 */
export function createManufacturer(options: {
  readonly seed: Bytes
  readonly now: UnixSeconds
}): Manufacturer {
  const { seed, now } = options
  assert(seed.length === 32, `a manufacturer's seed has 32 bytes, got ${seed.length}`)
  const authority = createAuthority(seed)
  const revoked = new Map<string, Bytes>()
  const revoke = (platform: Platform): void => {
    revoked.set(encodeHex(platform.pckSerial), platform.pckSerial)
  }
  return {
    anchorSpkiSha256: encodeHex(sha256(subjectPublicKeyInfo(authority.root.key))),
    rootDer: authority.root.der,
    collateral: (chosen = {}) =>
      issueCollateral(authority, chosen.issuedAt ?? now, chosen, [...revoked.values()]),
    createPlatform: (chosen) => {
      const platform = createPlatform(seed, authority, chosen)
      if (chosen.revoked === true) revoke(platform)
      return platform
    },
    revoke,
  }
}

function createPlatform(seed: Bytes, authority: Authority, options: PlatformOptions): Platform {
  const { machineSeed } = options
  assert(
    machineSeed.length >= 16,
    `a machine's seed has 16 bytes or more, got ${machineSeed.length}`,
  )
  const machine = `machine/${encodeHex(machineSeed)}`
  const svns = platformSvns(options.tcb ?? 'UpToDate', options.module ?? 'UpToDate')
  const ppid = deriveBytes(seed, `${machine}/ppid`, 16)
  const pckKey = deriveSigningKey(seed, `${machine}/pck`)
  const pck = authority.certifyPck(pckKey, {
    ppid,
    components: svns.components,
    pceSvn: svns.pceSvn,
    fmspc: emulatorFmspc,
    platformInstanceId: deriveBytes(seed, `${machine}/platform-instance`, 16),
  })
  const signer = {
    pckKey,
    attestationKey: deriveSigningKey(seed, `${machine}/attestation`),
    pckChainPem: toPem(pck.der, authority.platformCa.der, authority.root.der),
    cpuSvn: svns.components,
    teeTcbSvn: svns.teeTcbSvn,
    quotingEnclaveSvn: quotingEnclaveSvns[options.quotingEnclave ?? 'UpToDate'],
  }
  return {
    ppid,
    fmspc: emulatorFmspc,
    pckSerial: pck.serial,
    quote: (request) => signQuote(request, signer),
  }
}
