import { Reader, type Bytes } from '@cloister/codec'

/** What the flags in an enclave's ATTRIBUTES say, and the bits that have no name: zero for a well-formed enclave. */
export type EnclaveAttributes = {
  /** All 16 bytes: flags, then XFRM. */
  readonly raw: string
  readonly initialized: boolean
  readonly debug: boolean
  readonly mode64Bit: boolean
  /** It may derive keys that name the machine to Intel for ever. */
  readonly provisionKey: boolean
  /** It may make launch tokens. */
  readonly einitTokenKey: boolean
  /** Control-flow enforcement. */
  readonly cet: boolean
  /** Key separation and sharing: CONFIGID and its kin mean something. */
  readonly kss: boolean
  /** It is told of asynchronous exits, so that it can see itself being stepped. */
  readonly aexNotify: boolean
  /** Hexadecimal of the bits without a name, as a number; `0` where there are none. */
  readonly reserved: string
}

/** Bits of ATTRIBUTES.FLAGS that have a meaning. Spec: Intel SDM volume 3D, 34.7.1 and table 34-3. */
const bits = {
  initialized: 0n,
  debug: 1n,
  mode64Bit: 2n,
  provisionKey: 4n,
  einitTokenKey: 5n,
  cet: 6n,
  kss: 7n,
  aexNotify: 10n,
} as const

const named = Object.values<bigint>(bits).reduce((mask, bit) => mask | (1n << bit), 0n)

/** Reads ATTRIBUTES, 16 bytes: the flags, little-endian, then XFRM; `raw` is their hexadecimal. */
export function parseEnclaveAttributes(bytes: Bytes, raw: string): EnclaveAttributes {
  const value = new Reader(bytes).u64('ATTRIBUTES')
  const has = (bit: bigint): boolean => ((value >> bit) & 1n) === 1n
  return {
    raw,
    initialized: has(bits.initialized),
    debug: has(bits.debug),
    mode64Bit: has(bits.mode64Bit),
    provisionKey: has(bits.provisionKey),
    einitTokenKey: has(bits.einitTokenKey),
    cet: has(bits.cet),
    kss: has(bits.kss),
    aexNotify: has(bits.aexNotify),
    reserved: (value & ~named).toString(16),
  }
}
