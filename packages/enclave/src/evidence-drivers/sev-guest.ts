import { concatBytes, Reader, type Bytes } from '@cloister/codec'

import { requireReportData } from './bound-report-data.ts'
import { collectError, fromSystemError } from './collect-error.ts'
import { callDevice } from './device-relay.ts'
import type { EvidenceDriver } from './driver.ts'
import { requireLength, waitFor } from './patience.ts'

/** Where a relay of `/dev/sev-guest` listens. */
export const sevGuestSocket = '/run/cloister/sev-guest.sock'

const reportDataBytes = { min: 64, max: 64 }
const reportBytes = 1184
const answerBytes = 4000 // struct snp_report_resp
const waitMilliseconds = 90_000 // An SNP host gets 60 s by the kernel.

/**
 * Collects SNP reports through a relay of `/dev/sev-guest`, for kernels before Linux 6.7, which have no configfs-tsm.
 *
 * Message and answer are the structures of SNP_GET_REPORT: 64 bytes of report data, VMPL 0 and 28 zeros; then MSG_REPORT_RSP.
 *
 * Spec: Linux Documentation/virt/coco/sev-guest, SNP_GET_REPORT; SEV-SNP firmware ABI 1.58, table MSG_REPORT_RSP.
 */
export function createSevGuestDriver(
  options: { readonly socketPath?: string } = {},
): EvidenceDriver {
  const { socketPath = sevGuestSocket } = options
  return {
    name: 'sev-guest',
    reportDataBytes,
    collect: async ({ reportData, signal }) => {
      requireLength(reportData, reportDataBytes)
      const message = concatBytes(reportData, new Uint8Array(4 + 28))
      const limits = { answerBytesMax: answerBytes }
      const answer = await waitFor(
        (unwanted) => callDevice(socketPath, message, { ...limits, signal: unwanted }),
        waitMilliseconds,
        signal,
      )
      try {
        const evidence = { tee: 'sev-snp', report: readReport(answer) } as const
        requireReportData(evidence, reportData)
        return [{ evidence }]
      } catch (error) {
        throw fromSystemError(error, 'read the answer of SNP_GET_REPORT')
      }
    },
  }
}

function readReport(answer: Bytes): Bytes {
  const r = new Reader(answer)
  const status = r.u32('status')
  if (status !== 0)
    throw collectError(
      'evidence-refused',
      `the firmware answered SNP_GET_REPORT with status ${status}; look into the kernel log`,
    )
  const size = r.u32('report size')
  if (size !== reportBytes)
    throw collectError('evidence-malformed', `a report of ${size} bytes, expected ${reportBytes}`)
  r.bytes('reserved', 24)
  return r.bytes('report', reportBytes).slice()
}
