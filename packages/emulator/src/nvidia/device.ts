import type { GpuMode, NvidiaEvidence } from '@cloister/attest'
import {
  assert,
  concatBytes,
  encodeDer,
  encodeHex,
  encodeUtf8,
  parseHex,
  type Bytes,
} from '@cloister/codec'
import { extension, subjectPublicKeyInfo, toPem, type Validity } from '../certificate.ts'
import { integer, objectIdentifier, octetString, sequence } from '../der.ts'
import { deriveBytes } from '../signing-key.ts'
import {
  certify,
  deviceAuthorities,
  lifetime,
  type Certified,
  type CertifiedChain,
  type NvidiaChip,
} from './authority.ts'
import {
  activeIndexes,
  blockCount,
  firmwareId,
  firmwareLabel,
  goldenValue,
  type FirmwareKind,
} from './firmware.ts'
import { encodeReport, little, zeroEnded } from './report.ts'

/** What can be chosen about a device. */
export type DeviceOptions = {
  readonly chip: NvidiaChip
  /** Names the device: equal seeds, equal device. At least 16 bytes. */
  readonly deviceSeed: Bytes
  /** When the certificates of the device are valid, where not as always. */
  readonly validity?: Partial<Record<'leaf' | 'identity', Partial<Validity>>>
}

/** What a device is asked to sign, and what state it is in. */
export type ReportRequest = {
  /** 32 bytes. */
  readonly nonce: Bytes
  readonly driverVersion?: string
  /** In NVIDIA's spelling, five parts of two hexadecimal digits. */
  readonly vbiosVersion?: string
  /** Values in the place of genuine ones, by index from 0. */
  readonly measurements?: ReadonlyMap<number, Bytes>
  /** `unreported`: as drivers write reports that know no modes. */
  readonly mode?: GpuMode | 'unreported'
  readonly videoDecoder?: boolean
  /** The digest of the firmware in the report: the certified one unless another, or none, is asked for. */
  readonly firmwareId?: Bytes | 'none'
  /** PDIs of devices at the other ends of its links. */
  readonly neighbours?: readonly string[]
  readonly slot?: number
  /** More opaque fields, put last. */
  readonly opaque?: readonly (readonly [type: number, value: Bytes])[]
  readonly trailingZeros?: number
}

/** An emulated GPU or NVSwitch. */
export type NvidiaDevice = {
  readonly chip: NvidiaChip
  /** The name by which others on NVLink know it, 8 bytes in hexadecimal. */
  readonly pdi: string
  /** Its boot ROM's certificate and those above: what responders can be asked about. */
  readonly identityChain: CertifiedChain
  /** PEM, from the leaf of this VBIOS to the root. */
  certificateChain(vbiosVersion?: string): string
  evidence(request: ReportRequest): NvidiaEvidence
  /** Signs any bytes as request and response, well-formed or not, by the key of this VBIOS. */
  signMeasurements(bytes: Bytes, vbiosVersion?: string): Bytes
}

/** What a device runs where nothing else is asked for. */
export const defaultFirmware: Readonly<Record<NvidiaChip, Readonly<Record<FirmwareKind, string>>>> =
  {
    GH100: { driver: '580.95.05', vbios: '96.00.CF.00.01' },
    GB100: { driver: '590.48.01', vbios: '97.00.CF.00.0F' },
    LS10: { driver: '', vbios: '96.10.CF.00.01' },
  }

/** Makes a device. Keys, serial numbers, measurements and signatures follow from the seeds. */
export function createDevice(seed: Bytes, options: DeviceOptions): NvidiaDevice {
  const { chip, deviceSeed, validity } = options
  assert(deviceSeed.length >= 16, `a device's seed has 16 bytes or more, got ${deviceSeed.length}`)
  const label = `nvidia/device/${chip}/${encodeHex(deviceSeed)}`
  const pdi = encodeHex(deriveBytes(seed, `${label}/pdi`, 8))
  const [provisioner, ...above] = deviceAuthorities(seed, chip)
  assert(provisioner !== undefined, 'there is a provisioner')
  const processor = chip === 'LS10' ? 'FSP' : 'GSP'
  const chipName = chip === 'LS10' ? 'LS_10' : chip
  const identity = certify(
    seed,
    `${label}/identity`,
    { commonName: `${chipName} A01 ${processor} BROM`, serialNumber: `41${pdi}`.toUpperCase() },
    provisioner,
    { validity: { ...lifetime, ...validity?.identity } },
  )
  const leaves = new Map<string, Certified>()
  const leafOf = (vbiosVersion: string): Certified => {
    const known = leaves.get(vbiosVersion)
    if (known !== undefined) return known
    const id = firmwareId(chip, vbiosVersion)
    const leaf = certify(
      seed,
      `${label}/leaf/${firmwareLabel(id)}`,
      `${chipName} A01 ${processor} FMC LF`,
      identity,
      {
        end: true,
        extensions: [firmwareExtension(chip, identity, id)],
        validity: { ...lifetime, ...validity?.leaf },
      },
    )
    leaves.set(vbiosVersion, leaf)
    return leaf
  }
  const identityChain = [identity, provisioner, ...above]
  const standard = defaultFirmware[chip].vbios
  const chainOf = (vbiosVersion: string): string =>
    toPem(leafOf(vbiosVersion).der, ...identityChain.map(({ der }) => der))
  const sign = (bytes: Bytes, vbiosVersion: string): Bytes =>
    concatBytes(bytes, leafOf(vbiosVersion).key.signRaw(bytes))
  return {
    chip,
    pdi,
    identityChain,
    certificateChain: (vbiosVersion = standard) => chainOf(vbiosVersion),
    evidence: (request) => {
      const { vbiosVersion = standard, trailingZeros = 0 } = request
      const report = sign(reportOf(chip, pdi, request), vbiosVersion)
      return {
        tee: chip === 'LS10' ? 'nvidia-nvswitch' : 'nvidia-gpu',
        measurements: concatBytes(report, new Uint8Array(trailingZeros)),
        certificateChain: chainOf(vbiosVersion),
      }
    },
    signMeasurements: (bytes, vbiosVersion = standard) => sign(bytes, vbiosVersion),
  }
}

/** DICE's composite device id for Hopper and switches, TcbInfo for Blackwell. */
function firmwareExtension(chip: NvidiaChip, identity: Certified, id: Bytes): Bytes {
  const sha384Id = objectIdentifier('2.16.840.1.101.3.4.2.2')
  const fwid = sequence(sha384Id, octetString(id))
  if (chip !== 'GB100') {
    const composite = sequence(integer(1), subjectPublicKeyInfo(identity.key), fwid)
    return extension('2.23.133.5.4.1', false, composite)
  }
  const empty = sequence(sha384Id, octetString(new Uint8Array(48)))
  const tcbInfo = sequence(encodeDer(0x80, encodeUtf8('NVIDIA')), encodeDer(0xa6, fwid, empty))
  return extension('2.23.133.5.4.1.1', false, tcbInfo)
}

function reportOf(chip: NvidiaChip, pdi: string, request: ReportRequest): Bytes {
  const { driver, vbios } = defaultFirmware[chip]
  const { nonce, driverVersion = driver, vbiosVersion = vbios, slot = 0 } = request
  const golden = new Map<number, Bytes>()
  for (const [kind, version] of [
    ['driver', driverVersion],
    ['vbios', vbiosVersion],
  ] as const)
    for (const index of activeIndexes(chip, kind))
      golden.set(index, goldenValue(chip, kind, version, index))
  const measurements = Array.from(
    { length: blockCount(chip) },
    (_, index) => request.measurements?.get(index) ?? golden.get(index) ?? new Uint8Array(48),
  )
  const opaque = chip === 'LS10' ? switchFields(pdi, request) : gpuFields(chip, request)
  return encodeReport({
    requestNonce: nonce,
    responseNonce: deriveBytes(nonce, `nvidia/nonce/${pdi}`, 32),
    slot,
    measurements,
    opaque: [...opaque, ...(request.opaque ?? [])],
  })
}

type Fields = readonly (readonly [type: number, value: Bytes])[]

const linkCount = 18
const noLink = 'ff'.repeat(8)

function gpuFields(chip: NvidiaChip, request: ReportRequest): Fields {
  const { driver, vbios } = defaultFirmware[chip]
  const { driverVersion = driver, vbiosVersion = vbios, mode = 'SPT', neighbours } = request
  const id = request.firmwareId ?? firmwareId(chip, vbiosVersion)
  const [first = '', second = '', third = '', fourth = '', fifth = ''] = vbiosVersion.split('.')
  const links = Array.from(
    { length: linkCount },
    (_, link) => neighbours?.[link % neighbours.length] ?? noLink,
  )
  return [
    [6, parseHex(`${fourth}${third}${second}${first}${fifth}000000`)],
    [14, little(0x3b1, 4)],
    [15, zeroEnded('882')],
    [17, zeroEnded('1010')],
    [18, zeroEnded('0200')],
    [3, zeroEnded(driverVersion)],
    [11, Uint8Array.of(request.videoDecoder === true ? 0xaa : 0x55)],
    ...(id === 'none' ? [] : [[20, id] as const]),
    [21, Uint8Array.of(mode === 'PPCIE' ? 0xaa : 0x55)],
    ...(neighbours === undefined
      ? []
      : [[22, concatBytes(...links.map((link) => parseHex(link).toReversed()))] as const]),
    ...(mode === 'unreported'
      ? []
      : ([
          [34, little(1, 2)],
          [36, little(['SPT', 'MPT', 'PPCIE'].indexOf(mode), 2)],
        ] as const)),
  ]
}

/** A switch names the GPUs at its first eight ports, then says which port each link is at. */
function switchFields(pdi: string, request: ReportRequest): Fields {
  const { vbiosVersion = defaultFirmware.LS10.vbios, neighbours = [] } = request
  const ports = Array.from({ length: 8 }, (_, port) => parseHex(neighbours[port] ?? noLink))
  return [
    [6, encodeUtf8(vbiosVersion)],
    [22, parseHex(pdi)],
    [26, concatBytes(...ports, new Uint8Array(64).fill(0xff))],
    [24, little(1, 2)],
    [25, little(1, 2)],
  ]
}
