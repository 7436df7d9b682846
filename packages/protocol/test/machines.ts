import { insecureDevnetAnchor, type Collateral, type DevnetAnchor } from '@cloister/attest'
import { unixSeconds, type Bytes } from '@cloister/codec'
import {
  createCcaPlatform,
  createManufacturer,
  createNitroCloud,
  createSnpManufacturer,
} from '@cloister/emulator'

import type { NodeEvidence } from '../src/index.ts'

/** When the makers' documents were issued, and when evidence is made here. */
export const issuedAt = unixSeconds(Date.UTC(2026, 4, 1) / 1000)
export const now = unixSeconds(issuedAt + 3600)

const seed = new Uint8Array(32).fill(4)
const machineSeed = new Uint8Array(16).fill(6)
export const intel = createManufacturer({ seed, now: issuedAt })
export const amd = createSnpManufacturer({ seed, now: issuedAt })
export const aws = createNitroCloud(seed)
const arm = createCcaPlatform(seed, { deviceSeed: machineSeed })
const td = intel.createPlatform({ machineSeed })
const genoa = amd.createPlatform({ machineSeed, line: 'Genoa' })
const list = () => amd.revocationList('Genoa')

/** 48 bytes in each register. */
const register = (value: number): Bytes => new Uint8Array(48).fill(value)

/** A machine of each kind that a node may stand on. */
export type TestMachine = {
  readonly name: 'tdx' | 'snp' | 'nitro' | 'cca'
  readonly title: string
  readonly anchor: DevnetAnchor
  readonly evidence: (reportData: Bytes) => NodeEvidence
  readonly collateral: () => Collateral
  /** Whether its evidence names it. */
  readonly isNamed: boolean
}

export const machines: readonly TestMachine[] = [
  {
    name: 'tdx',
    title: 'Intel TDX',
    anchor: insecureDevnetAnchor(intel.anchorSpkiSha256),
    evidence: (reportData) => ({
      tee: 'tdx',
      quote: td.quote({
        mrtd: register(1),
        rtmrs: [register(2), register(3), register(4), register(5)],
        reportData,
      }),
    }),
    collateral: () => ({ intel: intel.collateral() }),
    isNamed: true,
  },
  {
    name: 'snp',
    title: 'AMD SEV-SNP',
    anchor: insecureDevnetAnchor(amd.anchorSpkiSha256('Genoa')),
    evidence: (reportData) => ({
      tee: 'sev-snp',
      report: genoa.report({ measurement: register(6), reportData }),
    }),
    collateral: () => ({ amd: genoa.collateral(list()) }),
    isNamed: true,
  },
  {
    name: 'nitro',
    title: 'AWS Nitro Enclaves',
    anchor: insecureDevnetAnchor(aws.anchorSpkiSha256),
    evidence: (userData) => ({
      tee: 'aws-nitro',
      document: aws.startEnclave({ enclaveSeed: machineSeed }).document({ now, userData }),
    }),
    collateral: () => ({}),
    isNamed: false,
  },
  {
    name: 'cca',
    title: 'Arm CCA',
    anchor: insecureDevnetAnchor(arm.keySpkiSha256),
    evidence: (challenge) => ({ tee: 'arm-cca', token: arm.token({ challenge }) }),
    collateral: () => ({ deviceKeys: [arm.deviceKey] }),
    isNamed: false,
  },
]

/** Evidence of a Genoa machine whose firmware is older than what the strict policy asks of AMD. */
export function outdatedSnp(reportData: Bytes) {
  const platform = amd.createPlatform({
    machineSeed: new Uint8Array(16).fill(7),
    line: 'Genoa',
    reportedTcb: { bootLoader: 10, tee: 1, snp: 0x10, microcode: 0x56 },
  })
  return {
    evidence: { tee: 'sev-snp', report: platform.report({ measurement: register(6), reportData }) },
    collateral: { amd: platform.collateral(list()) },
  } as const
}
