import { encodeHex, type Bytes } from '@cloister/codec'
import type { CommonClaims } from '../claims.ts'
import { machineIdOf, measurementOf } from '../identity.ts'
import {
  hexOf,
  readGuestPolicy,
  readPlatformInfo,
  type SnpGuestPolicy,
  type SnpPlatformInfo,
} from './bits.ts'
import type { VerifiedChain } from './chain.ts'
import { isZero, type Endorsement } from './endorsement.ts'
import type { FirmwareVersion, ReportVersion, SnpReport } from './parse.ts'
import type { ProductLine } from './product.ts'
import { readTcb, type SnpTcb } from './tcb.ts'

/** What an authentic SNP report says. */
export type SnpClaims = CommonClaims & {
  readonly tee: 'sev-snp'
  readonly productLine: ProductLine
  readonly reportVersion: ReportVersion
  readonly guestSvn: number
  readonly policy: SnpGuestPolicy
  readonly familyId: string
  readonly imageId: string
  /** 0 (most privileged) to 3; 4294967295 where the host asked for the report. */
  readonly vmpl: number
  readonly signatureAlgo: number
  readonly platformInfo: SnpPlatformInfo
  readonly authorKeyEn: boolean
  readonly maskChipKey: boolean
  readonly signingKey: 'VCEK' | 'VLEK'
  /** What was loaded before the guest started: MEASUREMENT, 48 bytes. */
  readonly launchDigest: string
  /** What the host said at launch, and can't change after: 32 bytes. */
  readonly hostData: string
  readonly idKeyDigest: string
  readonly authorKeyDigest: string
  readonly reportId: string
  readonly reportIdMa: string
  /** What the signing key was derived for. */
  readonly reportedTcb: SnpTcb
  /** What runs. */
  readonly currentTcb: SnpTcb
  /** What the firmware can't go back behind. */
  readonly committedTcb: SnpTcb
  /** What ran when the guest was launched or imported. */
  readonly launchTcb: SnpTcb
  /** Absent in version 2. */
  readonly cpuid?: { readonly family: number; readonly model: number; readonly stepping: number }
  /** 64 bytes; zeros where it is masked. */
  readonly chipId: string
  /** Major, minor, build. */
  readonly currentVersion: string
  readonly committedVersion: string
  /** Absent before version 4. */
  readonly launchMitVector?: string
  readonly currentMitVector?: string
  /** As the certificate has it: `Milan-B0`. */
  readonly productName: string
  /** VLEK only: the cloud provider that the key was given to. */
  readonly cspId?: string
}

/**
 * The one digest that names what a guest runs: SHA-256 of a domain, launch digest (48 bytes) and host data (32), in
 * hexadecimal.
 */
export async function snpMeasurement(report: {
  readonly measurement: Bytes
  readonly hostData: Bytes
}): Promise<string> {
  return await measurementOf('sev-snp', report.measurement, report.hostData)
}

/** The machine id of an AMD chip: SHA-256 of a domain and its CHIP_ID (64 bytes), in hexadecimal. */
export async function amdMachineId(chipId: Bytes): Promise<string> {
  return await machineIdOf('amd', chipId)
}

/** What a report says, once its signature holds. */
export async function readSnpClaims(
  report: SnpReport,
  chain: VerifiedChain,
  endorsement: Endorsement,
  revocation: 'good' | 'not-checked',
): Promise<SnpClaims> {
  const { kind, line } = chain
  const { cpuid, mitigations } = report
  const policy = readGuestPolicy(report.policy)
  const named = kind === 'VCEK' && !isZero(report.chipId)
  return {
    tee: 'sev-snp',
    format: `amd-sev-snp-report-v${report.version}`,
    anchor: chain.anchor,
    productLine: line,
    ...(named && { machineId: await amdMachineId(report.chipId) }),
    measurement: await snpMeasurement(report),
    reportData: encodeHex(report.reportData),
    debug: policy.debug,
    revocation,
    endorsement: 'pinned',
    reportVersion: report.version,
    guestSvn: report.guestSvn,
    policy,
    familyId: encodeHex(report.familyId),
    imageId: encodeHex(report.imageId),
    vmpl: report.vmpl,
    signatureAlgo: report.signatureAlgo,
    platformInfo: readPlatformInfo(report.platformInfo),
    authorKeyEn: report.authorKeyEn,
    maskChipKey: report.maskChipKey,
    signingKey: kind,
    launchDigest: encodeHex(report.measurement),
    hostData: encodeHex(report.hostData),
    idKeyDigest: encodeHex(report.idKeyDigest),
    authorKeyDigest: encodeHex(report.authorKeyDigest),
    reportId: encodeHex(report.reportId),
    reportIdMa: encodeHex(report.reportIdMa),
    reportedTcb: readTcb(report.reportedTcb, line),
    currentTcb: readTcb(report.currentTcb, line),
    committedTcb: readTcb(report.committedTcb, line),
    launchTcb: readTcb(report.launchTcb, line),
    ...(cpuid && { cpuid }),
    chipId: encodeHex(report.chipId),
    currentVersion: dotted(report.currentVersion),
    committedVersion: dotted(report.committedVersion),
    ...(mitigations && {
      launchMitVector: hexOf(mitigations.launch),
      currentMitVector: hexOf(mitigations.current),
    }),
    ...endorsement,
  }
}

function dotted({ major, minor, build }: FirmwareVersion): string {
  return `${major}.${minor}.${build}`
}
