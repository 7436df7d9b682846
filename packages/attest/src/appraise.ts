import type { Appraisal, Given } from './appraisal.ts'
import { appraiseCca } from './cca/appraise.ts'
import type { ClaimsByTee } from './claims.ts'
import { DcapMemory } from './dcap/collateral.ts'
import type { Evidence } from './evidence.ts'
import { appraiseNitro } from './nitro/appraise.ts'
import { appraiseNvidia } from './nvidia/appraise.ts'
import { NvidiaMemory } from './nvidia/memory.ts'
import { appraisePsa } from './psa/appraise.ts'
import { appraiseSgx } from './sgx/appraise.ts'
import { appraiseSnp } from './snp/appraise.ts'
import { appraiseTdx } from './tdx/appraise.ts'
import { appraiseTpm } from './tpm/appraise.ts'
import { CertificateMemory } from './x509/chain.ts'

/** Appraises evidence like {@link appraise}, and remembers what it read. */
export type Appraiser = {
  readonly appraise: <E extends Evidence>(
    evidence: E,
    given: Given,
  ) => Promise<Appraisal<ClaimsByTee[E['tee']]>>
}

/**
 * Appraises evidence. Pure and deterministic: no network, no clock, no state.
 *
 * Bad evidence is an answer: nothing is thrown for it.
 */
export function appraise<E extends Evidence>(
  evidence: E,
  given: Given,
): Promise<Appraisal<ClaimsByTee[E['tee']]>> {
  return createAppraiser().appraise(evidence, given)
}

/**
 * Makes an appraiser that is faster from the second time on: it keeps, in bounds, parsed certificates,
 * revocation lists and signed documents by their whole text, and which signatures by authorities hold.
 *
 * It never keeps a verdict. Times, the signatures by the device's own keys, the TCB and the policy are judged anew
 * each time, and nothing is kept past its own expiry.
 */
export function createAppraiser(): Appraiser {
  const memory = {
    dcap: new DcapMemory(),
    certificates: new CertificateMemory(),
    nvidia: new NvidiaMemory(),
  }
  return { appraise: (evidence, given) => judgeEvidence(evidence, given, memory) }
}

type Memory = {
  readonly dcap: DcapMemory
  readonly certificates: CertificateMemory
  readonly nvidia: NvidiaMemory
}

// Each kind of evidence gives its own kind of claims: an overload says what TypeScript can't follow through the switch.
function judgeEvidence<E extends Evidence>(
  evidence: E,
  given: Given,
  memory: Memory,
): Promise<Appraisal<ClaimsByTee[E['tee']]>>
function judgeEvidence(evidence: Evidence, given: Given, memory: Memory): Promise<Appraisal> {
  switch (evidence.tee) {
    case 'sgx':
      return appraiseSgx(evidence, given, memory.dcap)
    case 'tdx':
      return appraiseTdx(evidence, given, memory.dcap)
    case 'sev-snp':
      return appraiseSnp(evidence, given, memory.certificates)
    case 'nvidia-gpu':
    case 'nvidia-nvswitch':
      return appraiseNvidia(evidence, given, memory.nvidia)
    case 'aws-nitro':
      return appraiseNitro(evidence, given, memory.certificates)
    case 'arm-cca':
      return appraiseCca(evidence, given)
    case 'arm-psa':
      return appraisePsa(evidence, given)
    case 'tpm2':
    default:
      return appraiseTpm(evidence, given, memory)
  }
}
