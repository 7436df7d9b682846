import { Reader, type Bytes } from '@cloister/codec'

/** What TD_ATTRIBUTES say, and the bits that have no name: zero for a well-formed TD. */
export type TdAttributes = {
  readonly raw: string
  readonly debug: boolean
  readonly septVeDisable: boolean
  readonly migratable: boolean
  readonly pks: boolean
  readonly keyLocker: boolean
  readonly perfmon: boolean
  /** Hexadecimal of the bits without a name, as a number; `0` where there are none. */
  readonly reserved: string
}

/** Bits of TD_ATTRIBUTES that have a meaning. Spec: Intel TDX DCAP quoting library API, A.3.4. */
const bits = {
  debug: 0n,
  septVeDisable: 28n,
  migratable: 29n,
  pks: 30n,
  keyLocker: 31n,
  perfmon: 63n,
} as const

const named = Object.values<bigint>(bits).reduce((mask, bit) => mask | (1n << bit), 0n)

/** Reads TD_ATTRIBUTES, 8 bytes, little-endian; `raw` is their hexadecimal. */
export function parseTdAttributes(bytes: Bytes, raw: string): TdAttributes {
  const value = new Reader(bytes).u64('TDATTRIBUTES')
  const has = (bit: bigint): boolean => ((value >> bit) & 1n) === 1n
  return {
    raw,
    debug: has(bits.debug),
    septVeDisable: has(bits.septVeDisable),
    migratable: has(bits.migratable),
    pks: has(bits.pks),
    keyLocker: has(bits.keyLocker),
    perfmon: has(bits.perfmon),
    reserved: (value & ~named).toString(16),
  }
}
