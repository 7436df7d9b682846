import type { Bytes } from '@cloister/codec'
import type { Tee } from '@cloister/attest'
import { bornOutBytes } from './event-log-digests.ts'

/** Bits that may be flipped in a piece of evidence or collateral, and the appraisal is the same. */
export type UnsignedBits = {
  readonly tees: readonly Tee[]
  /** Which pieces. */
  readonly part: RegExp
  readonly what: string
  /** These bits are told as a claim that nobody vouches for: then the claims differ. */
  readonly claim?: true
  /** Whether the bit of the character or byte at `offset` is one of them. */
  readonly covers: (value: Bytes | string, offset: number, bit: number) => boolean
}

const dcap: readonly Tee[] = ['sgx', 'tdx']

/** Every place that no signature covers. A flip elsewhere that leaves evidence authentic is a finding. */
export const unsignedBits: readonly UnsignedBits[] = [
  {
    tees: [...dcap, 'sev-snp', 'nvidia-gpu', 'nvidia-nvswitch', 'tpm2'],
    part: /(?:[cC]rl|Signature|ocspResponses\.\d+)$/,
    what: 'the case of letters in hexadecimal: bit 5 of each',
    covers: (value, offset, bit) => bit === 5 && /^[a-f]$/i.test(characterAt(value, offset)),
  },
  {
    tees: ['tpm2'],
    part: /^evidence\.attestationKey$/,
    what: 'attributes of a TPMT_PUBLIC, which a claim tells',
    claim: true,
    covers: (value, offset) => value[0] === 0 && within(offset, [[4, 8]]),
  },
  {
    tees: ['tpm2'],
    part: /^evidence\.eventLog$/,
    what: 'what quoted PCRs do not bear out of an event log: types, data, other banks, events that are not extended',
    covers: (value, offset) => !isBornOut(value, offset),
  },
  {
    tees: ['tpm2'],
    part: /^evidence\.hcl$/,
    what: 'version, size and status of a blob, the version and size beside its runtime data',
    covers: (_, offset) =>
      within(offset, [
        [4, 12],
        [16, 32],
        [1216, 1224],
      ]),
  },
  {
    tees: ['tpm2'],
    part: /^evidence\.hcl$/,
    what: 'size of the runtime data, where zeros follow them',
    covers: (_, offset) => within(offset, [[1232, 1234]]),
  },
  {
    tees: ['tpm2'],
    part: /^evidence\.hcl$/,
    what: 'what a TDREPORT has and its quote has not: hashes, MAC, CPUSVN, reserved bytes',
    covers: (value, offset) => value[1224] === tdxReport && within(offset, localTdReport),
  },
]

const sha256Algorithm = 11
const tdxReport = 4

/**
 * Fields of a TDREPORT that lies at byte 32: its version, CPUSVN and both hashes; reserved bytes and MAC; which fields
 * are valid and reserved bytes; SERVTD_HASH, which quotes of version 4 have not, and the reserved end. Spec: Intel TDX module ABI, TDREPORT_STRUCT.
 */
const localTdReport: readonly (readonly [number, number])[] = [
  [32 + 1, 32 + 128],
  [32 + 192, 32 + 264],
  [32 + 384, 32 + 512],
  [32 + 912, 32 + 1024],
]

const bornOut = new WeakMap<Bytes, readonly boolean[]>()

function isBornOut(value: Bytes | string, offset: number): boolean {
  if (typeof value === 'string') return true
  const known = bornOut.get(value) ?? bornOutBytes(value, sha256Algorithm)
  bornOut.set(value, known)
  return known[offset] ?? false
}

function within(offset: number, spans: readonly (readonly [number, number])[]): boolean {
  return spans.some(([from, to]) => offset >= from && offset < to)
}

/** What a bit is, where it is one that no signature covers. */
export function unsignedAt(
  tee: Tee,
  part: string,
  value: Bytes | string,
  offset: number,
  bit: number,
): UnsignedBits | undefined {
  return unsignedBits.find(
    (each) => each.tees.includes(tee) && each.part.test(part) && each.covers(value, offset, bit),
  )
}

function characterAt(value: Bytes | string, offset: number): string {
  return typeof value === 'string' ? (value[offset] ?? '') : ''
}
