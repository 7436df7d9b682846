/** What a guest's owner demands of the platform, and the bits that have no name: zero for a well-formed policy. */
export type SnpGuestPolicy = {
  readonly raw: string
  readonly abiMajor: number
  readonly abiMinor: number
  /** May run where simultaneous multithreading is on. */
  readonly smtAllowed: boolean
  /** May be associated with a migration agent. */
  readonly migrateMa: boolean
  /** The host may read and write its memory. */
  readonly debug: boolean
  /** May run on one socket only. */
  readonly singleSocket: boolean
  /** May be given memory on CXL devices. */
  readonly cxlAllow: boolean
  /** Demands AES-256-XTS of the memory. */
  readonly memAes256Xts: boolean
  /** Demands that the counters of consumed power are off. */
  readonly raplDis: boolean
  /** Demands that the host can't see ciphertext in memory. */
  readonly ciphertextHidingDram: boolean
  /** Forbids that its pages are moved and swapped. */
  readonly pageSwapDisable: boolean
  /** Hexadecimal of bits that must be zero and are not, or of bit 17 where it is not one; `0` where all is well. */
  readonly reserved: string
}

/** What the firmware says of the machine. Bits without a name occur on real machines: they decide nothing. */
export type SnpPlatformInfo = {
  readonly raw: string
  readonly smtEnabled: boolean
  readonly tsmeEnabled: boolean
  readonly eccEnabled: boolean
  readonly raplDisabled: boolean
  readonly ciphertextHidingDram: boolean
  /** Memory was checked for aliases since the last reset. */
  readonly aliasCheckComplete: boolean
  /** The IOMMU's write buffers can't be used against guests. */
  readonly iommuWriteSafe: boolean
  readonly tioEnabled: boolean
  /** Hexadecimal of the bits without a name; `0` where there are none. */
  readonly reserved: string
}

/** Bits of POLICY above the ABI version. Spec: 56860 section 4.3, table of the guest policy. */
const policyBits = {
  smtAllowed: 16n,
  migrateMa: 18n,
  debug: 19n,
  singleSocket: 20n,
  cxlAllow: 21n,
  memAes256Xts: 22n,
  raplDis: 23n,
  ciphertextHidingDram: 24n,
  pageSwapDisable: 25n,
} as const

/** A bit of POLICY that is reserved and must be one. */
const policyOne = 1n << 17n

/** Bits of PLATFORM_INFO. Spec: 56860, table PLATFORM_INFO. */
const platformBits = {
  smtEnabled: 0n,
  tsmeEnabled: 1n,
  eccEnabled: 2n,
  raplDisabled: 3n,
  ciphertextHidingDram: 4n,
  aliasCheckComplete: 5n,
  iommuWriteSafe: 6n, // AMD-SB-3016; Turin sets it.
  tioEnabled: 7n,
} as const

const policyNamed = 0xffffn | maskOf(policyBits)
const platformNamed = maskOf(platformBits)

/** Reads POLICY. */
export function readGuestPolicy(value: bigint): SnpGuestPolicy {
  const has = reader(value)
  return {
    raw: hexOf(value),
    abiMajor: Number((value >> 8n) & 0xffn),
    abiMinor: Number(value & 0xffn),
    smtAllowed: has(policyBits.smtAllowed),
    migrateMa: has(policyBits.migrateMa),
    debug: has(policyBits.debug),
    singleSocket: has(policyBits.singleSocket),
    cxlAllow: has(policyBits.cxlAllow),
    memAes256Xts: has(policyBits.memAes256Xts),
    raplDis: has(policyBits.raplDis),
    ciphertextHidingDram: has(policyBits.ciphertextHidingDram),
    pageSwapDisable: has(policyBits.pageSwapDisable),
    reserved: ((value & ~policyNamed) ^ policyOne).toString(16),
  }
}

/** Reads PLATFORM_INFO. */
export function readPlatformInfo(value: bigint): SnpPlatformInfo {
  const has = reader(value)
  return {
    raw: hexOf(value),
    smtEnabled: has(platformBits.smtEnabled),
    tsmeEnabled: has(platformBits.tsmeEnabled),
    eccEnabled: has(platformBits.eccEnabled),
    raplDisabled: has(platformBits.raplDisabled),
    ciphertextHidingDram: has(platformBits.ciphertextHidingDram),
    aliasCheckComplete: has(platformBits.aliasCheckComplete),
    iommuWriteSafe: has(platformBits.iommuWriteSafe),
    tioEnabled: has(platformBits.tioEnabled),
    reserved: (value & ~platformNamed).toString(16),
  }
}

/** A number of 64 bits as claims have it: `0x`, then hexadecimal without leading zeros. */
export function hexOf(value: bigint): string {
  return `0x${value.toString(16)}`
}

function maskOf(bits: Readonly<Record<string, bigint>>): bigint {
  return Object.values(bits).reduce((mask, bit) => mask | (1n << bit), 0n)
}

function reader(value: bigint): (bit: bigint) => boolean {
  return (bit) => ((value >> bit) & 1n) === 1n
}
