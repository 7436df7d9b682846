import { encodeHex, MalformedError, type Bytes, type UnixSeconds } from '@cloister/codec'
import type { Appraisal, Given } from '../appraisal.ts'
import type { DcapMemory } from '../dcap/collateral.ts'
import type { Policy } from '../policy.ts'
import { extractableProductLines } from '../product-line.ts'
import type { Reason } from '../reasons.ts'
import { Refusal, refuseUnless } from '../reject.ts'
import { appraiseSnp } from '../snp/appraise.ts'
import type { SnpClaims } from '../snp/claims.ts'
import { appraiseTdx } from '../tdx/appraise.ts'
import type { TdxClaims } from '../tdx/claims.ts'
import { parseTdxQuote } from '../tdx/parse.ts'
import type { CertificateMemory } from '../x509/chain.ts'
import { bindsRuntimeData, type HclBlob } from './hcl.ts'
import { differingField } from './td-report.ts'

/** What the machine below a vTPM says about itself. */
export type HardwareClaims = SnpClaims | TdxClaims

/** How the machine below a vTPM was judged. */
export type JudgedHardware = {
  readonly authentic: true | 'chain-only'
  readonly claims: HardwareClaims
  readonly until: UnixSeconds
  /** What the policy has against it, besides what it has against every machine. */
  readonly reasons: readonly Reason[]
}

/** What remembers certificates and collateral between appraisals. */
export type TpmMemory = { readonly certificates: CertificateMemory; readonly dcap: DcapMemory }

/**
 * Appraises the hardware report of a blob, as one that was sent alone.
 *
 * Undefined where there is nothing to appraise it by: an SNP report without AMD's certificates, a TDREPORT without
 * the quote made from it. Without Intel's documents a TDX quote is judged as far as its own chain goes.
 *
 * @throws {Refusal} with the hardware's code where it is not authentic.
 */
export async function judgeHardware(
  hcl: HclBlob,
  quote: Bytes | undefined,
  given: Given,
  memory: TpmMemory,
): Promise<JudgedHardware | undefined> {
  const { collateral } = given
  const below = { ...given, policy: hardwarePolicy(given.policy) }
  if (hcl.hardware.kind === 'snp') {
    if (collateral === 'none' || collateral.amd === undefined) return undefined
    const evidence = { tee: 'sev-snp', report: hcl.hardware.report } as const
    return judged(await appraiseSnp(evidence, below, memory.certificates))
  }
  if (quote === undefined) return undefined
  const hasDocuments = collateral !== 'none' && collateral.intel !== undefined
  const documents = hasDocuments ? collateral : 'none'
  return judged(
    await appraiseTdx({ tee: 'tdx', quote }, { ...below, collateral: documents }, memory.dcap),
  )
}

/**
 * Checks what binds an attestation key to hardware: the report signs the runtime data that name the key, and the
 * quote was made from the very TDREPORT.
 *
 * @throws {Refusal} AK_BINDING.
 */
export async function bindHardware(hcl: HclBlob, quote: Bytes | undefined): Promise<void> {
  refuseUnless(
    await bindsRuntimeData(hcl),
    'AK_BINDING',
    () => `hardware report: signs ${encodeHex(hcl.reportData)}, not the digest of the runtime data`,
  )
  if (hcl.hardware.kind !== 'tdx' || quote === undefined) return
  const different = differingField(hcl.hardware.report, parseTdxQuote(quote).report)
  refuseUnless(
    different === undefined,
    'AK_BINDING',
    `hardware quote: not made from the TDREPORT that names the key (${different})`,
  )
}

/**
 * What is wanted of the machine below: its measurement has members of its own, its report data is the binding, and
 * what holds for every machine is judged once, on the TPM's claims.
 */
function hardwarePolicy(policy: Policy): Policy {
  return {
    ...policy,
    measurements: policy.tpm.hardwareMeasurements,
    reportData: 'any',
    machineIds: 'any',
    minTier: 0,
    deniedProductLines: [],
    allowExtractableKeys: extractableProductLines,
    allowDebug: true,
    allowUnknownRevocation: true,
    allowSuppliedKeys: true,
  }
}

function judged(appraisal: Appraisal<HardwareClaims>): JudgedHardware {
  if (appraisal.authentic === false) {
    const { reject, where, at } = appraisal
    const cause = at && new MalformedError(at.field, at.offset, where)
    throw new Refusal(reject, `hardware: ${where}`, { cause })
  }
  const { authentic, claims, until, reasons } = appraisal
  return {
    authentic,
    claims,
    until,
    reasons: reasons.map((reason) => ({ ...reason, detail: `hardware: ${reason.detail}` })),
  }
}
