import type { AuthenticAppraisal } from '@cloister/attest'
import type { Bytes } from '@cloister/codec'
import { createSnpMachine, snpRequest } from './emulated-snp.ts'
import {
  brokenRule,
  changeFields,
  hexAt,
  isZeroAt,
  littleAt,
  type OpenResigner,
  type Resigner,
} from './resigned.ts'

type Span = readonly [offset: number, size: number]

/** Spec: AMD SEV-SNP firmware ABI 56860, table ATTESTATION_REPORT. */
const fields: readonly Span[] = [
  ...([
    [0, 4],
    [4, 4],
    [8, 8],
    [16, 16],
    [32, 16],
    [0x30, 4],
    [0x34, 4],
    [0x38, 8],
  ] as const),
  ...([
    [0x40, 8],
    [0x48, 4],
    [0x4c, 4],
    [0x50, 64],
    [0x90, 48],
    [0xc0, 32],
    [0xe0, 48],
  ] as const),
  ...([
    [0x110, 48],
    [0x140, 32],
    [0x160, 32],
    [0x180, 8],
    [0x188, 3],
    [0x18b, 21],
  ] as const),
  ...([
    [0x1a0, 64],
    [0x1e0, 8],
    [0x1e8, 8],
    [0x1f0, 8],
    [0x1f8, 16],
    [0x208, 0x98],
  ] as const),
]

/** Reports whose 672 signed bytes were changed before they were signed. */
export const snpResigners: readonly Resigner[] = (['Genoa', 'Turin'] as const).map((line) => ({
  name: `resigned-snp-${line.toLowerCase()}`,
  what: `SNP reports of ${line}`,
  open: () => openReports(line),
}))

function openReports(line: 'Genoa' | 'Turin'): OpenResigner {
  const { platform, given } = createSnpMachine({ line })
  const genuine = ([2, 3, 5] as const).map((version) =>
    platform.reportBytes({ ...snpRequest, version }),
  )
  return {
    make: (random) => {
      const report = platform.signReport(changeFields(random.pick(genuine), fields, random))
      return { name: `emulated ${line}`, evidence: { tee: 'sev-snp', report }, given }
    },
    check: ({ evidence }, appraisal) =>
      evidence.tee === 'sev-snp'
        ? brokenReportRule(evidence.report, platform.chipId, genuine[0]!, appraisal)
        : 'another kind of evidence',
  }
}

function brokenReportRule(
  report: Bytes,
  chipId: Bytes,
  genuine: Bytes,
  { claims, reasons }: AuthenticAppraisal,
): string | undefined {
  if (claims.tee !== 'sev-snp') return 'claims of another kind'
  const policy = littleAt(report, 8, 8)
  const debug = ((policy >> 19n) & 1n) === 1n
  const codes: readonly string[] = reasons.map(({ code }) => code)
  const isAccepted = codes.length === 0
  return brokenRule({
    'the version is one that exists': [2, 3, 4, 5].includes(Number(littleAt(report, 0, 4))),
    'the chip is that of the certificate':
      hexAt(report, 0x1a0, 64) === hexAt(chipId, 0, 64) ||
      (isZeroAt(report, 0x1a0, 64) && claims.machineId === undefined),
    'the reported TCB is that of the certificate':
      hexAt(report, 0x180, 8) === hexAt(genuine, 0x180, 8),
    'the algorithm is ECDSA with P-384': littleAt(report, 0x34, 4) === 1n,
    'it is signed by a VCEK': littleAt(report, 0x48, 4) >> 2n === 0n,
    'what is reserved is zero': isZeroAt(report, 0x4c, 4) && isZeroAt(report, 0x18b, 21),
    'and what is behind the fields': isZeroAt(report, 0x208, 0x98),
    'the measurement is told': claims.launchDigest === hexAt(report, 0x90, 48),
    'host data are told': claims.hostData === hexAt(report, 0xc0, 32),
    'report data are told': claims.reportData === hexAt(report, 0x50, 64),
    'the report id is told': claims.reportId === hexAt(report, 0x140, 32),
    'VMPL is told': BigInt(claims.vmpl) === littleAt(report, 0x30, 4),
    'debugging is told': claims.debug === debug && codes.includes('DEBUG') === debug,
    'only VMPL 0 is accepted': !isAccepted || claims.vmpl === 0,
    'a migration agent is not accepted': !isAccepted || ((policy >> 18n) & 1n) === 0n,
    'reserved bits of the policy are not accepted': !isAccepted || policy >> 26n === 0n,
    'bit 17 of the policy is one': !isAccepted || ((policy >> 17n) & 1n) === 1n,
  })
}
