import { insecureDevnetAnchor, type ProductLine } from '@cloister/attest'
import { encodeUtf8 } from '@cloister/codec'
import {
  createSnpManufacturer,
  type SnpPlatform,
  type SnpPlatformOptions,
} from '@cloister/emulator'
import type { Base } from './case.ts'
import { emulatedNow, emulatorSeed } from './emulated-world.ts'

/** Made once in a thread: its RSA keys take seconds. */
const manufacturer = createSnpManufacturer({ seed: emulatorSeed, now: emulatedNow })

/** A machine, and what its reports are judged by. */
export function createSnpMachine(options: Partial<SnpPlatformOptions> = {}): {
  readonly platform: SnpPlatform
  readonly given: Base['given']
} {
  const line: ProductLine = options.line ?? 'Genoa'
  const machineSeed = encodeUtf8(`fuzzed machine ${line} ${options.signingKey ?? ''}`)
  const platform = manufacturer.createPlatform({ machineSeed, ...options, line })
  return {
    platform,
    given: {
      collateral: { amd: platform.collateral(manufacturer.revocationList(line)) },
      anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256(line))],
      now: emulatedNow,
    },
  }
}

/** A guest whose fields differ from one another. */
export const snpRequest = {
  measurement: new Uint8Array(48).fill(0xc0),
  hostData: new Uint8Array(32).fill(0xc1),
  familyId: new Uint8Array(16).fill(0xc2),
  imageId: new Uint8Array(16).fill(0xc3),
  reportId: new Uint8Array(32).fill(0xc4),
  guestSvn: 4,
  reportData: Uint8Array.from({ length: 64 }, (_, index) => index + 2),
} as const

/** Reports of all versions, of two lines, by both kinds of keys. */
export function snpBases(): readonly Base[] {
  const genoa = createSnpMachine()
  const vlek = createSnpMachine({ signingKey: 'VLEK' })
  const turin = createSnpMachine({ line: 'Turin' })
  return [
    ...([2, 3, 5] as const).map((version) => ({ ...genoa, name: `Genoa v${version}`, version })),
    { ...vlek, name: 'Genoa VLEK', version: 5 } as const,
    { ...turin, name: 'Turin v5', version: 5 } as const,
  ].map(({ platform, given, name, version }) => ({
    name: `emulated snp ${name}`,
    evidence: { tee: 'sev-snp', report: platform.report({ ...snpRequest, version }) },
    given,
  }))
}
