import { MalformedError, OperationError } from '@cloister/codec'

import { requireReportData } from './bound-report-data.ts'
import { collectError, fromSystemError } from './collect-error.ts'
import { askDstackAgent } from './dstack-agent.ts'
import type { EvidenceDriver } from './driver.ts'
import { requireLength, waitFor } from './patience.ts'

/** Where dstack's guest agent listens. */
export const dstackSocket = '/var/run/dstack.sock'

/** Collects TDX quotes from dstack's guest agent, as the enclave does for itself. */
export function createDstackDriver(options: { readonly socketPath?: string } = {}): EvidenceDriver {
  const { socketPath = dstackSocket } = options
  const reportDataBytes = { min: 64, max: 64 }
  return {
    name: 'dstack',
    reportDataBytes,
    collect: async ({ reportData, signal }) => {
      requireLength(reportData, reportDataBytes)
      try {
        const quote = await waitFor(
          () => askDstackAgent(socketPath, reportData),
          waitMilliseconds,
          signal,
        )
        const evidence = { tee: 'tdx', quote } as const
        requireReportData(evidence, reportData)
        return [{ evidence }]
      } catch (error) {
        if (error instanceof OperationError && error.code === 'guest-failed')
          throw collectError(
            'evidence-failed',
            `${error.message}; look whether dstack's guest agent runs and this user may open its socket`,
            error,
          )
        if (error instanceof MalformedError || error instanceof OperationError)
          throw fromSystemError(error, 'ask dstack')
        throw error
      }
    },
  }
}

const waitMilliseconds = 30_000 // The guest agent's own limit is shorter: this one only ends what trickles.
