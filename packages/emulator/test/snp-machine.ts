// One emulated manufacturer for all SNP tests of a file, and how its machines are judged.
import {
  appraise,
  insecureDevnetAnchor,
  strictPolicy,
  type AmdCollateral,
  type Appraisal,
  type Policy,
  type PolicyOverrides,
  type SnpClaims,
} from '@cloister/attest'
import { unixSeconds, type Bytes } from '@cloister/codec'
import { createSnpManufacturer } from '../src/snp/manufacturer.ts'
import type { SnpPlatform, SnpPlatformOptions } from '../src/snp/platform.ts'
import type { SnpReportRequest } from '../src/snp/report.ts'
import { machineSeed, now } from './verifier.ts'

export { machineSeed, now }

/** The manufacturer that tests share, of the one seed whose keys need no search. */
export const manufacturer = createSnpManufacturer({ seed: new Uint8Array(32).fill(0x5e), now })

/** A machine of Genoa's, unless something else is chosen. */
export function machine(options: Partial<SnpPlatformOptions> = {}): SnpPlatform {
  return manufacturer.createPlatform({ machineSeed: machineSeed(1), line: 'Genoa', ...options })
}

/** Fields that differ from one another, so that a swap shows. */
export function request(changes: Partial<SnpReportRequest> = {}): SnpReportRequest {
  return {
    measurement: new Uint8Array(48).fill(0xa1),
    reportData: Uint8Array.from({ length: 64 }, (_, index) => index),
    hostData: new Uint8Array(32).fill(0xb2),
    idKeyDigest: new Uint8Array(48).fill(0xc3),
    ...changes,
  }
}

/** What one judgement depends on, where it is not as usual. */
export type Judgement = {
  readonly amd?: AmdCollateral
  readonly policy?: Partial<PolicyOverrides>
  readonly at?: number
}

/** The strict policy, any guest on any machine. */
export function anyGuest(overrides: Partial<PolicyOverrides> = {}): Policy {
  return strictPolicy({
    measurements: 'any',
    reportData: 'any',
    machineIds: 'any',
    ...overrides,
  })
}

/** Appraises a report under the manufacturer's root of the machine's line, with a current revocation list. */
export function judge(
  platform: SnpPlatform,
  report: Bytes = platform.report(request()),
  { amd, policy, at = now + 60 }: Judgement = {},
): Promise<Appraisal<SnpClaims>> {
  const { line } = platform
  return appraise(
    { tee: 'sev-snp', report },
    {
      collateral: { amd: amd ?? platform.collateral(manufacturer.revocationList(line)) },
      anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256(line))],
      policy: anyGuest(policy),
      now: unixSeconds(at),
    },
  )
}

/** Why a report is not authentic, or what the policy has against it. */
export async function outcome(...args: Parameters<typeof judge>): Promise<readonly string[]> {
  const appraisal = await judge(...args)
  return appraisal.authentic === false
    ? [appraisal.reject]
    : appraisal.reasons.map(({ code }) => code)
}
