import type { IntelCollateral } from '@cloister/attest'
import { assert, encodeHex, type Bytes, type UnixSeconds } from '@cloister/codec'
import { createAuthority, type AuthorityRole } from './authority.ts'
import { subjectPublicKeyInfo } from './certificate.ts'
import {
  issueCollateral,
  issueEvaluationNumbers,
  signDocument,
  type CollateralOptions,
  type Revoked,
  type SignedDocument,
} from './collateral.ts'
import { createPlatform, type Platform, type PlatformOptions } from './platform.ts'
import { sha256 } from './signing-key.ts'
import { emulatorFmspc } from './tcb-documents.ts'

/** A manufacturer of emulated SGX and TDX machines. Its evidence proves nothing about hardware. */
export type Manufacturer = {
  /** SHA-256 of the root's SubjectPublicKeyInfo, hexadecimal: what a development anchor pins. */
  readonly anchorSpkiSha256: string
  readonly rootDer: Bytes
  /** Issues collateral as of `issuedAt`, or as of the manufacturer's own `now`. */
  collateral(options?: CollateralOptions): IntelCollateral
  createPlatform(options: PlatformOptions): Platform
  /** Puts a machine's PCK certificate, or an authority's or signer's, on every list of its issuer from here on. */
  revoke(what: Platform | Exclude<AuthorityRole, 'root'>): void
  /** Whether machines of that family (hexadecimal) were made here; there are always some of the emulator's own. */
  makes(fmspc: string): boolean
  /** Which evaluation numbers there are, signed. */
  evaluationNumbers(options?: CollateralOptions): SignedDocument
  /** The machine of that name among those created here: by encrypted PPID, or by the id of its quoting enclave. */
  findPlatform(
    name: { readonly encryptedPpid: string } | { readonly qeId: string },
  ): Platform | undefined
  /** Signs any text as TCB info and QE identities are signed: for documents that no manufacturer would issue. */
  signDocument(text: string): SignedDocument
}

/**
 * Opens a manufacturer. Keys, names, serial numbers, hardware ids and signatures follow from the
 * 32-byte seed. `now` is when collateral is issued unless something else is asked for.
 */
export function createManufacturer(options: {
  readonly seed: Bytes
  readonly now: UnixSeconds
}): Manufacturer {
  const { seed, now } = options
  assert(seed.length === 32, `a manufacturer's seed has 32 bytes, got ${seed.length}`)
  const authority = createAuthority(seed)
  const revoked = new Map<string, Revoked>()
  const platforms = new Map<string, Platform>()
  const fmspcs = new Set([encodeHex(emulatorFmspc)])
  const revoke: Manufacturer['revoke'] = (what) => {
    const taken: Revoked =
      typeof what === 'string'
        ? { by: 'root', serial: authority[what].serial }
        : { by: what.ca, serial: what.pckSerial }
    revoked.set(encodeHex(taken.serial), taken)
  }
  return {
    anchorSpkiSha256: encodeHex(sha256(subjectPublicKeyInfo(authority.root.key))),
    rootDer: authority.root.der,
    collateral: (chosen = {}) =>
      issueCollateral(authority, chosen.issuedAt ?? now, chosen, [...revoked.values()]),
    createPlatform: (chosen) => {
      const platform = createPlatform(seed, authority, chosen)
      if (chosen.revoked === true) revoke(platform)
      fmspcs.add(encodeHex(platform.fmspc))
      platforms.set(encodeHex(platform.names.encryptedPpid), platform)
      platforms.set(encodeHex(platform.names.qeId), platform)
      return platform
    },
    revoke,
    makes: (fmspc) => fmspcs.has(fmspc.toLowerCase()),
    evaluationNumbers: (chosen = {}) =>
      issueEvaluationNumbers(authority, chosen.issuedAt ?? now, chosen),
    findPlatform: (name) =>
      platforms.get(('qeId' in name ? name.qeId : name.encryptedPpid).toLowerCase()),
    signDocument: (text) => signDocument(authority, text),
  }
}
