import { parseCcaToken } from './cca/parse.ts'
import type { Evidence, TpmEvidence } from './evidence.ts'
import { parseNitroDocument } from './nitro/parse.ts'
import { parseMeasurementReport } from './nvidia/parse.ts'
import { parsePsaToken } from './psa/parse.ts'
import { parseSgxQuote } from './sgx/parse.ts'
import { parseSnpReport } from './snp/parse.ts'
import { parseTdxQuote } from './tdx/parse.ts'
import { parseEventLog } from './tpm/event-log.ts'
import { parseHclBlob } from './tpm/hcl.ts'
import { parseTpmQuote } from './tpm/parse.ts'

/**
 * Every field of evidence, under its specification's names. Nothing is trusted, and nothing but its form is checked.
 *
 * @throws {UnsupportedFormatError} where it is in a format that is not judged here.
 * @throws {MalformedError} naming the field, where it is not in its format.
 */
export function parseEvidence(evidence: Evidence): object {
  switch (evidence.tee) {
    case 'sgx':
      return parseSgxQuote(evidence.quote)
    case 'tdx':
      return parseTdxQuote(evidence.quote)
    case 'sev-snp':
      return parseSnpReport(evidence.report)
    case 'nvidia-gpu':
    case 'nvidia-nvswitch':
      return parseMeasurementReport(evidence.measurements)
    case 'aws-nitro':
      return parseNitroDocument(evidence.document)
    case 'arm-cca':
      return parseCcaToken(evidence.token)
    case 'arm-psa':
      return parsePsaToken(evidence.token)
    case 'tpm2':
    default:
      return tpmFields(evidence)
  }
}

function tpmFields({ quote, hcl, eventLog, pcrs }: TpmEvidence): object {
  return {
    quote: parseTpmQuote(quote),
    ...(pcrs && { pcrs }),
    ...(hcl && { hcl: parseHclBlob(hcl) }),
    ...(eventLog && { eventLog: parseEventLog(eventLog) }),
  }
}
