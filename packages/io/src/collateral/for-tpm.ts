import { hardwareBelow, type RejectedAppraisal, type TpmEvidence } from '@cloister/attest'
import {
  judge,
  nothingNeeded,
  type FetchedPart,
  type FetchGiven,
  type Fetching,
} from './fetching.ts'
import { fetchForQuote } from './for-quote.ts'
import { fetchForReport } from './for-report.ts'

/**
 * Fetches what the hardware below a vTPM is judged by: once the TPM's own quote holds, and then by the rules of that
 * hardware. A TPM that leans on no hardware report needs nothing.
 */
export async function fetchForTpm(
  fetching: Fetching,
  evidence: TpmEvidence,
  given: FetchGiven,
): Promise<FetchedPart | RejectedAppraisal> {
  const deviceKeys = given.known?.deviceKeys
  const before = await judge(evidence, given, { ...(deviceKeys && { deviceKeys }) })
  if (before.authentic === false) return before
  const hardware = hardwareBelow(evidence)
  if (hardware === undefined) return nothingNeeded
  return hardware.tee === 'sev-snp'
    ? await fetchForReport(fetching, hardware, given)
    : await fetchForQuote(fetching, hardware, given)
}
