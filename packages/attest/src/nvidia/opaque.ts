import { encodeHex, MalformedError, type Bytes } from '@cloister/codec'

/** Names of the fields that a device reports beside its measurements. Source: NVIDIA's nvtrust. */
const opaqueNames: Readonly<Record<number, string>> = {
  1: 'CERT_ISSUER_NAME',
  2: 'CERT_AUTHORITY_KEY_IDENTIFIER',
  3: 'DRIVER_VERSION',
  4: 'GPU_INFO',
  5: 'SKU',
  6: 'VBIOS_VERSION',
  7: 'MANUFACTURER_ID',
  8: 'TAMPER_DETECTION',
  9: 'SMC',
  10: 'VPR',
  11: 'NVDEC0_STATUS',
  12: 'MSRSCNT',
  13: 'CPRINFO',
  14: 'BOARD_ID',
  15: 'CHIP_SKU',
  16: 'CHIP_SKU_MOD',
  17: 'PROJECT',
  18: 'PROJECT_SKU',
  19: 'PROJECT_SKU_MOD',
  20: 'FWID',
  21: 'PROTECTED_PCIE_STATUS',
  22: 'SWITCH_PDI',
  23: 'FLOORSWEPT_PORTS',
  24: 'POSITION_ID',
  25: 'LOCK_SWITCH_STATUS',
  32: 'GPU_LINK_CONN',
  33: 'SYS_ENABLE_STATUS',
  34: 'OPAQUE_DATA_VERSION',
  35: 'CHIP_INFO',
  36: 'FEATURE_FLAG',
  255: 'INVALID',
}

/** A switch's list of the GPUs at its ports. It has no public name. */
const switchGpuPdis = 26

/** How a GPU is given to a virtual machine: alone, with others over encrypted NVLink, with others in the clear. */
export type GpuMode = 'SPT' | 'MPT' | 'PPCIE'

const modes: readonly GpuMode[] = ['SPT', 'MPT', 'PPCIE']

/** What a device reports beside its measurements. */
export type OpaqueData = {
  /** Every field in hexadecimal, by name; one without a name by its number. */
  readonly fields: Readonly<Record<string, string>>
  readonly driverVersion: string | undefined
  /** In NVIDIA's spelling: `96.00.5E.00.01`. */
  readonly vbiosVersion: string | undefined
  /** Project, its SKU and the chip's SKU, as ids of manifests spell them; empty where they are not reported. */
  readonly sku: { readonly project: string; readonly projectSku: string; readonly chipSku: string }
  readonly firmwareId: string | undefined
  /** Undefined where the driver is too old to report one, or it is none of the three. */
  readonly mode: GpuMode | undefined
  readonly protectedPcie: boolean | undefined
  /** Whether the first video decoder is on: undefined where it is not reported. */
  readonly videoDecoder: boolean | undefined
  /** PDIs (8 bytes) of the switches at a GPU's links, in the order of a certificate's serial number, each once. */
  readonly switchPdis: readonly string[]
  /** PDIs of the GPUs at a switch's ports, each once. */
  readonly gpuPdis: readonly string[]
}

/**
 * Reads opaque data. What is not understood is kept and not judged: a driver may report more than is known here.
 *
 * @throws {MalformedError} naming a field that is not in its format.
 */
export function readOpaqueData(opaque: ReadonlyMap<number, Bytes>, isSwitch: boolean): OpaqueData {
  const field = (type: number): Bytes | undefined => opaque.get(type)
  const text = (type: number): string => readText(field(type), type)
  const pdis = readPdis(field(22), 22) // A switch writes its own name here.
  return {
    fields: Object.fromEntries(
      [...opaque].map(([type, value]) => [opaqueNames[type] ?? String(type), encodeHex(value)]),
    ),
    driverVersion: text(3) || undefined,
    vbiosVersion: isSwitch ? text(6) || undefined : readVbiosVersion(field(6)),
    sku: { project: text(17), projectSku: text(18), chipSku: text(15) },
    firmwareId: encodeHex(field(20) ?? new Uint8Array(0)) || undefined,
    mode: readMode(field(34), field(36)),
    protectedPcie: readSwitched(field(21)),
    videoDecoder: readSwitched(field(11)),
    // A GPU writes the PDIs of its switches with the lowest byte first.
    switchPdis: isSwitch ? [] : unique(pdis.map(reversed)),
    gpuPdis: isSwitch ? unique(readPdis(field(switchGpuPdis)?.subarray(0, 64), switchGpuPdis)) : [],
  }
}

/** Printable ASCII up to the first zero. */
function readText(value: Bytes | undefined, type: number): string {
  if (value === undefined) return ''
  const end = value.indexOf(0)
  const bytes = end < 0 ? value : value.subarray(0, end)
  if (bytes.some((byte) => byte < 0x20 || byte > 0x7e))
    throw new MalformedError(`opaque field ${type}`, 0, 'expected printable ASCII')
  return String.fromCharCode(...bytes)
}

/** A GPU writes its VBIOS version as a number of 64 bits: the first four parts in its low half, the last above. */
function readVbiosVersion(value: Bytes | undefined): string | undefined {
  if (value === undefined) return undefined
  if (value.length !== 8) throw new MalformedError('opaque field 6', 0, 'expected 8 bytes')
  return [3, 2, 1, 0, 4].map((at) => encodeHex(value.subarray(at, at + 1)).toUpperCase()).join('.')
}

/** Opaque data of version 0 has no mode. */
function readMode(version: Bytes | undefined, flag: Bytes | undefined): GpuMode | undefined {
  if (version === undefined || flag === undefined || number(version) < 1) return undefined
  return modes[number(flag)]
}

/** 55 is off and aa is on; anything else is not understood. */
function readSwitched(value: Bytes | undefined): boolean | undefined {
  const [byte] = value ?? []
  return value?.length === 1 && (byte === 0x55 || byte === 0xaa) ? byte === 0xaa : undefined
}

const pdiBytes = 8

function readPdis(value: Bytes | undefined, type: number): readonly string[] {
  if (value === undefined) return []
  if (value.length % pdiBytes !== 0)
    throw new MalformedError(`opaque field ${type}`, 0, `expected PDIs of ${pdiBytes} bytes each`)
  return Array.from({ length: value.length / pdiBytes }, (_, index) =>
    encodeHex(value.subarray(index * pdiBytes, (index + 1) * pdiBytes)),
  )
}

/** Every PDI once, in order. Links that nothing is at are all ones or all zero. */
function unique(pdis: readonly string[]): readonly string[] {
  return [...new Set(pdis)].filter((pdi) => /[^f]/.test(pdi) && /[^0]/.test(pdi)).toSorted()
}

function reversed(hex: string): string {
  return (hex.match(/../g) ?? []).toReversed().join('')
}

function number(littleEndian: Bytes): number {
  return littleEndian.reduceRight((sum, byte) => sum * 256 + byte, 0)
}
