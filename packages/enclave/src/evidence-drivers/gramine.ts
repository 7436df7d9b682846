import { parseUtf8 } from '@cloister/codec'

import { requireReportData } from './bound-report-data.ts'
import { collectError, fromSystemError } from './collect-error.ts'
import { readToEnd, systemFiles, writeOnce, type DeviceFiles } from './device-files.ts'
import type { Collected, EvidenceDriver } from './driver.ts'
import { aborted, CollectLane, requireLength, waitFor } from './patience.ts'

/** Where Gramine offers attestation to the program inside its enclave. */
export const gramineFolder = '/dev/attestation'

/** How quotes are collected under Gramine. */
export type GramineOptions = {
  readonly folder?: string
  readonly waitMilliseconds?: number
  readonly files?: DeviceFiles
}

const quoteBytesMax = 64 * 1024 // Gramine's own buffer has 8 KiB.
const typeBytesMax = 64

// Gramine keeps one user_report_data for the whole process and locks nothing.
const lane = new CollectLane('quote of Gramine')

/**
 * Collects SGX quotes inside a Gramine enclave whose manifest says `sgx.remote_attestation = "dcap"`.
 *
 * Gramine pads report data of another length with zeros, or cuts it: only 64 bytes are taken here.
 *
 * Spec: Gramine, "Attestation and Secret Provisioning", low-level /dev/attestation interface.
 */
export function createGramineDriver(options: GramineOptions = {}): EvidenceDriver {
  const { folder = gramineFolder, files = systemFiles, waitMilliseconds = 60_000 } = options
  const at = (name: string): string => `${folder}/${name}`
  const reportDataBytes = { min: 64, max: 64 }
  return {
    name: 'gramine',
    reportDataBytes,
    collect: async ({ reportData, signal }) => {
      requireLength(reportData, reportDataBytes)
      const kept = reportData.slice()
      const work = async (unwanted: AbortSignal): Promise<Collected> => {
        if (unwanted.aborted) throw aborted(unwanted)
        let action = `read ${at('attestation_type')}`
        try {
          requireDcap(await readToEnd(files, at('attestation_type'), typeBytesMax))
          action = `write ${at('user_report_data')}`
          await writeOnce(files, at('user_report_data'), kept)
          action = `read ${at('quote')}`
          const quote = await readToEnd(files, at('quote'), quoteBytesMax)
          const evidence = { tee: 'sgx', quote } as const
          requireReportData(evidence, kept)
          return { evidence }
        } catch (error) {
          throw fromSystemError(error, action)
        }
      }
      return [await waitFor((unwanted) => lane.run(() => work(unwanted)), waitMilliseconds, signal)]
    },
  }
}

function requireDcap(bytes: Uint8Array): void {
  const type = parseUtf8(bytes, 'attestation_type').trim()
  if (type === 'dcap') return
  throw collectError(
    'evidence-unavailable',
    `Gramine attests by ${JSON.stringify(type)}, expected "dcap"; set sgx.remote_attestation = "dcap" in its manifest`,
  )
}
