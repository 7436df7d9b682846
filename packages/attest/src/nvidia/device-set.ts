import type { NvidiaClaims } from './claims.ts'

/** Names of all that can be wrong with a set of devices, beside what is wrong with one of them: one closed list. */
export const deviceSetCodes = [
  'DEVICE_COUNT',
  'DUPLICATE_DEVICE',
  'MIXED_FIRMWARE',
  'MIXED_MODE',
  'TOPOLOGY',
] as const

/** Something that speaks against a set of devices. */
export type DeviceSetReason = {
  readonly code: (typeof deviceSetCodes)[number]
  readonly detail: string
}

/** How many devices somebody expects. */
export type DeviceCounts = { readonly gpus: number; readonly switches: number }

/** What protected PCIe is made of. Source: NVIDIA's PPCIE verifier, for HGX H100. */
export const protectedPcieSet: DeviceCounts = { gpus: 8, switches: 4 }

/**
 * Everything that speaks against devices as a set. Each of them has been appraised before, and all of them signed one
 * nonce.
 *
 * In protected PCIe, NVLink is not encrypted: the switches carry data in the clear, so they belong to the set, and the
 * set has to be a whole one in which every GPU is wired to every switch and to nothing else. Both ends are compared
 * with the names in the certificates of the others, so that no device can stand in for another.
 */
export function judgeDeviceSet(
  devices: readonly NvidiaClaims[],
  expected: DeviceCounts,
): readonly DeviceSetReason[] {
  const gpus = devices.filter(({ tee }) => tee === 'nvidia-gpu')
  const switches = devices.filter(({ tee }) => tee === 'nvidia-nvswitch')
  const isProtected = switches.length > 0 || gpus.some(({ mode }) => mode === 'PPCIE')
  return [
    ...judgeCounts(gpus.length, switches.length, isProtected, expected),
    ...judgeTwins(devices),
    ...judgeSame('MIXED_FIRMWARE', 'GPUs', gpus.map(firmwareOf)),
    ...judgeSame('MIXED_FIRMWARE', 'switches', switches.map(firmwareOf)),
    ...judgeSame(
      'MIXED_MODE',
      'GPUs',
      gpus.map(({ mode }) => mode),
    ),
    ...(isProtected ? [...judgeLinks(gpus, switches), ...judgeLinks(switches, gpus)] : []),
  ]
}

function judgeCounts(
  gpus: number,
  switches: number,
  isProtected: boolean,
  expected: DeviceCounts,
): readonly DeviceSetReason[] {
  const got = `${gpus} GPUs and ${switches} switches`
  const wanted = (counts: DeviceCounts): string =>
    `${counts.gpus} GPUs and ${counts.switches} switches`
  const fits = (counts: DeviceCounts): boolean =>
    gpus === counts.gpus && switches === counts.switches
  return [
    ...(fits(expected) ? [] : [reason('DEVICE_COUNT', `got ${got}, expected ${wanted(expected)}`)]),
    ...(!isProtected || fits(protectedPcieSet)
      ? []
      : [reason('DEVICE_COUNT', `got ${got}, protected PCIe has ${wanted(protectedPcieSet)}`)]),
  ]
}

function judgeTwins(devices: readonly NvidiaClaims[]): readonly DeviceSetReason[] {
  const ids = devices.map(({ machineId }) => machineId)
  const twins = new Set(ids.filter((id, index) => ids.indexOf(id) !== index))
  return [...twins].map((id) => reason('DUPLICATE_DEVICE', `machine ${id} answers more than once`))
}

function firmwareOf({ productLine, driverVersion, vbiosVersion }: NvidiaClaims): string {
  return `${productLine}, driver ${driverVersion ?? 'none'}, VBIOS ${vbiosVersion ?? 'none'}`
}

function judgeSame(
  code: 'MIXED_FIRMWARE' | 'MIXED_MODE',
  what: string,
  values: readonly string[],
): readonly DeviceSetReason[] {
  const found = [...new Set(values)]
  return found.length <= 1 ? [] : [reason(code, `${what}: ${found.join('; ')}`)]
}

/** Each of `devices` has to be linked to all of `others`, by the names in their certificates, and to nothing else. */
function judgeLinks(
  devices: readonly NvidiaClaims[],
  others: readonly NvidiaClaims[],
): readonly DeviceSetReason[] {
  const wanted = others
    .map(({ pdi }) => pdi)
    .toSorted()
    .join(', ')
  return devices.flatMap(({ pdi, neighbourPdis }) => {
    const got = neighbourPdis.join(', ')
    return got === wanted
      ? []
      : [
          reason(
            'TOPOLOGY',
            `${pdi} is linked to ${got || 'nothing'}, the others are ${wanted || 'none'}`,
          ),
        ]
  })
}

function reason(code: DeviceSetReason['code'], detail: string): DeviceSetReason {
  return { code, detail }
}
