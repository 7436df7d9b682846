import type { TpmEvidence } from '@cloister/attest'
import { assert, concatBytes, encodeHex, unixSeconds, type Bytes } from '@cloister/codec'
import {
  extension,
  issueCertificate,
  subjectPublicKeyInfo,
  toPem,
  type Issuer,
  type Validity,
} from '../certificate.ts'
import { objectIdentifier, sequence } from '../der.ts'
import { deriveBytes, deriveSigningKey, sha256, type CertificateKey } from '../signing-key.ts'
import {
  deriveAttestationKey,
  type AttestationKeyOptions,
  type EmulatedKey,
} from './attestation-key.ts'
import { bigEndian } from './big-endian.ts'
import { eventDigest, writeAgileLog, writeSha1Log, type BootEvent } from './boot-log.ts'
import { tpmHashes, type TpmHashName } from './hashes.ts'
import { banksOf, writeQuote, type Selection, type TpmState } from './quote.ts'

/** A manufacturer of emulated TPMs, with a root of its own. Its evidence proves nothing about hardware. */
export type TpmManufacturer = {
  /** SHA-256 of the root's SubjectPublicKeyInfo, hexadecimal: what a development anchor pins. */
  readonly anchorSpkiSha256: string
  createTpm(options: TpmOptions): EmulatedTpm
}

/** What can be chosen about a TPM. */
export type TpmOptions = {
  /** Names the TPM: equal seeds and keys, equal TPM. At least 16 bytes. */
  readonly tpmSeed: Bytes
  /** RSASSA with SHA-256 unless chosen. */
  readonly key?: AttestationKeyOptions
  /** When the certificates of its attestation key are valid, where not as always. */
  readonly validity?: Partial<Record<'key' | 'authority' | 'root', Partial<Validity>>>
}

/** What a quote is asked for. */
export type TpmQuoteRequest = {
  readonly nonce: Bytes
  /** All of the SHA-256 bank unless chosen. */
  readonly selection?: Selection
  /** TPMT_SIGNATURE unless a bare one is wanted. */
  readonly bare?: boolean
  /** The form of the event log: crypto agile unless chosen. */
  readonly log?: 'crypto-agile' | 'sha1'
  /** What it says of its own time and firmware, in place of what stays the same from quote to quote. */
  readonly state?: Partial<Omit<TpmState, 'qualifiedSigner'>>
}

/** An emulated TPM: PCRs, an attestation key with a certificate, quotes. */
export type EmulatedTpm = {
  readonly key: EmulatedKey
  /** SHA-256 of the attestation key's SubjectPublicKeyInfo: what a device key anchor pins. */
  readonly keySpkiSha256: string
  /** SubjectPublicKeyInfo of the attestation key. */
  readonly spki: Bytes
  /** PEM: the attestation key's certificate, its authority, the root. */
  readonly certificateChain: string
  /** Measures events into all banks, and logs them. */
  measure(events: readonly BootEvent[]): void
  /** Extends a PCR without logging it, as a loaded operating system does. */
  extend(pcr: number, what: Bytes): void
  /** A quote and everything that comes along with it. */
  evidence(request: TpmQuoteRequest): TpmEvidence
}

/** Opens a manufacturer. Keys, names and serial numbers follow from the 32-byte seed, and so does every signature. */
export function createTpmManufacturer(options: { readonly seed: Bytes }): TpmManufacturer {
  const { seed } = options
  assert(seed.length === 32, `a manufacturer's seed has 32 bytes, got ${seed.length}`)
  const authority = createAuthority(seed)
  return {
    anchorSpkiSha256: encodeHex(sha256(subjectPublicKeyInfo(authority.root.key))),
    createTpm: ({ tpmSeed, key = { scheme: 'rsassa' }, validity }) => {
      assert(tpmSeed.length >= 16, `a TPM's seed has 16 bytes or more, got ${tpmSeed.length}`)
      const label = `tpm/${encodeHex(tpmSeed)}`
      const attestationKey = deriveAttestationKey(seed, label, key)
      return startTpm(seed, label, attestationKey, authority.certify(attestationKey, validity))
    },
  }
}

const allPcrs = Array.from({ length: 24 }, (_, index) => index)
const bankNames: readonly TpmHashName[] = ['sha1', 'sha256', 'sha384']

function startTpm(
  seed: Bytes,
  label: string,
  key: EmulatedKey,
  certificateChain: string,
): EmulatedTpm {
  const pcrs = new Map(bankNames.map((bank) => [bank, allPcrs.map((pcr) => startValue(bank, pcr))]))
  const logged: BootEvent[] = []
  const extendBank = (bank: TpmHashName, pcr: number, digest: Bytes): void => {
    const values = pcrs.get(bank) ?? []
    values[pcr] = tpmHashes[bank].digest(values[pcr] ?? new Uint8Array(0), digest)
  }
  const valueOf = (bank: TpmHashName, pcr: number): Bytes => {
    const value = pcrs.get(bank)?.[pcr]
    assert(value !== undefined, `no PCR ${bank}:${pcr}`)
    return value
  }
  const spki = subjectPublicKeyInfo(key.certificateKey)
  const state = {
    qualifiedSigner: concatBytes(bigEndian(0x000b, 2), sha256(spki)),
    clock: 1_000_000n,
    resetCount: 3,
    restartCount: 0,
    safe: true,
    firmwareVersion: deriveBytes(seed, `${label}/firmware`, 8),
  }
  return {
    key,
    keySpkiSha256: encodeHex(sha256(spki)),
    spki,
    certificateChain,
    measure: (events) => {
      for (const event of events) {
        logged.push(event)
        for (const bank of bankNames) {
          const digest = eventDigest(event, bank)
          if (digest) extendBank(bank, event.pcr, digest)
        }
      }
    },
    extend: (pcr, what) => {
      for (const bank of bankNames) extendBank(bank, pcr, tpmHashes[bank].digest(what))
    },
    evidence: (request) => {
      const { nonce, selection = { sha256: allPcrs }, bare = false, log = 'crypto-agile' } = request
      const selected = banksOf(selection).map(
        ([bank, indices]) =>
          [bank, indices.map((pcr) => [String(pcr), valueOf(bank, pcr)] as const)] as const,
      )
      const parts = selected.flatMap(([, values]) => values.map(([, value]) => value))
      const quote = writeQuote(
        { ...state, ...request.state },
        nonce,
        selection,
        tpmHashes[key.hash].digest(...parts),
      )
      return {
        tee: 'tpm2',
        quote,
        signature: bare ? key.signBare(quote) : key.signTpmt(quote),
        attestationKey: key.tpmtPublic,
        certificateChain,
        pcrs: Object.fromEntries(
          selected.map(([bank, values]) => [bank, Object.fromEntries(values)]),
        ),
        eventLog: log === 'sha1' ? writeSha1Log(logged) : writeAgileLog(logged, bankNames),
      }
    },
  }
}

/** PCRs of a late launch start as ones. */
function startValue(bank: TpmHashName, pcr: number): Bytes {
  return new Uint8Array(tpmHashes[bank].size).fill(pcr >= 17 && pcr <= 22 ? 0xff : 0)
}

/** tcg-kp-AIKCertificate. */
const purpose = extension('2.5.29.37', false, sequence(objectIdentifier('2.23.133.8.3')))

// One lifetime for all, so that a root made from one seed is valid for every vector ever committed.
const lifetime = {
  notBefore: unixSeconds(Date.UTC(2025, 0, 1) / 1000),
  notAfter: unixSeconds(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000),
}

function createAuthority(seed: Bytes) {
  const serialOf = (name: string): Bytes => {
    const serial = deriveBytes(seed, `tpm/serial/${name}`, 16)
    serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
    return serial
  }
  const certify = (
    subject: string,
    subjectKey: CertificateKey,
    issuer: Issuer,
    pathLength: number | undefined,
    validity: Partial<Validity> = {},
  ): Bytes =>
    issueCertificate(
      {
        subject,
        subjectKey,
        serial: serialOf(`${subject}/${encodeHex(sha256(subjectKey.publicKey))}`),
        pathLength,
        crlUrl: undefined,
        nonRepudiation: false,
        ...(pathLength === undefined && { extraExtensions: [purpose] }),
        ...lifetime,
        ...validity,
      },
      issuer,
    )
  const root: Issuer = {
    name: 'Cloister Emulator TPM Root CA',
    key: deriveSigningKey(seed, 'tpm/root', 'P-384'),
  }
  const issuing = deriveSigningKey(seed, 'tpm/ak-ca', 'P-384')
  const issuer: Issuer = { name: 'Cloister Emulator TPM AK CA', key: issuing }
  return {
    root,
    certify: (key: EmulatedKey, validity: TpmOptions['validity'] = {}): string =>
      toPem(
        certify('Cloister Emulator TPM AK', key.certificateKey, issuer, undefined, validity.key),
        certify(issuer.name, issuing, root, 0, validity.authority),
        certify(root.name, root.key, root, 1, validity.root),
      ),
  }
}
