import type { NvidiaEvidence } from '@cloister/attest'
import {
  encodeHex,
  equalBytes,
  MalformedError,
  parseBase64,
  parseJson,
  parseUtf8,
  Reader,
  type Bytes,
  type Json,
} from '@cloister/codec'

import { runCommand, type CommandEnd } from './bounded-command.ts'
import { collectError, fromSystemError } from './collect-error.ts'
import type { Collected, EvidenceDriver } from './driver.ts'
import { requireLength } from './patience.ts'

/** Which devices are asked, and by which program. */
export type NvattestOptions = {
  readonly device: 'gpu' | 'nvswitch'
  /** A path, or a name on PATH. */
  readonly program?: string
  /** Eight GPUs answer one after another, each in seconds. */
  readonly waitMilliseconds?: number
}

const stdoutBytesMax = 4 * 1024 * 1024
const devicesMax = 32
const evidenceBytesMax = 64 * 1024

/** Exit statuses of the command line parser, which no result code has: it did not know an option, or a value. */
const usageErrors: readonly number[] = [105, 106, 109]

/**
 * Collects evidence of NVIDIA's GPUs or NVSwitches through `nvattest`, over a nonce of 32 bytes: one piece for each
 * device. All devices sign the same nonce.
 *
 * Versions before 1.0 know no `--format` (they always print JSON) and say `switch`: they are asked their way
 * once the newer way was refused as a wrong command line.
 *
 * `evidence` is base64 of what NVML or NSCQ returns: the SPDM request (37 bytes), then the response. NVIDIA's
 * example begins `EeAB`, which is 11 E0 01, a GET_MEASUREMENTS request; and its verifier reads the request off the front.
 *
 * Spec: NVIDIA Attestation SDK, Command Reference, collect-evidence; nv-attestation-cli/src/collect_evidence.cpp.
 */
export function createNvattestDriver(options: NvattestOptions): EvidenceDriver {
  const { device, program = 'nvattest', waitMilliseconds = 120_000 } = options
  const reportDataBytes = { min: 32, max: 32 }
  return {
    name: device === 'gpu' ? 'nvidia-gpu' : 'nvidia-nvswitch',
    reportDataBytes,
    collect: async ({ reportData, signal }) => {
      requireLength(reportData, reportDataBytes)
      const nonce = reportData.slice()
      const limits = { milliseconds: waitMilliseconds, stdoutBytesMax }
      const ask = (args: readonly string[]): Promise<CommandEnd> =>
        runCommand(program, [...args, '--nonce', encodeHex(nonce)], limits, signal)
      let end = await ask(['--format', 'json', 'collect-evidence', '--device', device])
      if (usageErrors.includes(end.exitCode))
        end = await ask(['collect-evidence', '--device', device === 'gpu' ? 'gpu' : 'switch'])
      try {
        return readAnswer(end, device, nonce)
      } catch (error) {
        if (error instanceof MalformedError) throw withStderr(end, error)
        throw fromSystemError(error, program)
      }
    },
  }
}

function withStderr({ exitCode, stderr }: CommandEnd, error: MalformedError) {
  const told = stderr.trim() === '' ? 'said nothing on stderr' : `said: ${stderr.trim()}`
  const code = exitCode === 0 ? 'evidence-malformed' : 'evidence-failed'
  return collectError(
    code,
    `nvattest ended with status ${exitCode} and ${told}; ${error.message}`,
    error,
  )
}

function readAnswer(
  end: CommandEnd,
  device: 'gpu' | 'nvswitch',
  nonce: Bytes,
): readonly Collected[] {
  const text = parseUtf8(end.stdout, 'nvattest output')
  const answer = parseJson(text, 'nvattest output', {
    charactersMax: stdoutBytesMax,
    depthMax: 8,
  })
  if (!isObject(answer)) throw new MalformedError('nvattest output', 0, 'expected an object')
  const { result_code: resultCode, result_message: message, evidences } = answer
  if (typeof resultCode !== 'number')
    throw new MalformedError('nvattest result_code', 0, 'expected a number')
  if (resultCode !== 0 || end.exitCode !== 0)
    throw collectError(
      'evidence-failed',
      `nvattest answers ${resultCode} (${typeof message === 'string' ? message : 'no message'}); look whether the driver is loaded and confidential computing is on (nvidia-smi conf-compute -f)`,
    )
  if (!isList(evidences) || evidences.length === 0 || evidences.length > devicesMax)
    throw new MalformedError('nvattest evidences', 0, `expected 1 to ${devicesMax} devices`)
  return evidences.map((each, index) => ({ evidence: readDevice(each, index, device, nonce) }))
}

function readDevice(
  value: Json,
  index: number,
  device: 'gpu' | 'nvswitch',
  nonce: Bytes,
): NvidiaEvidence {
  const field = `nvattest evidence ${index + 1}`
  if (!isObject(value)) throw new MalformedError(field, 0, 'expected an object')
  const { evidence, certificate } = value
  if (typeof evidence !== 'string' || typeof certificate !== 'string')
    throw new MalformedError(field, 0, 'expected evidence and certificate as texts')
  const measurements = parseBase64(evidence, `${field} evidence`)
  if (measurements.length > evidenceBytesMax)
    throw new MalformedError(field, 0, `more than ${evidenceBytesMax} bytes`)
  requireNonce(measurements, nonce, field)
  return {
    tee: device === 'gpu' ? 'nvidia-gpu' : 'nvidia-nvswitch',
    measurements,
    certificateChain: parseUtf8(parseBase64(certificate, `${field} certificate`), field),
  }
}

/** The request that was signed with the response: GET_MEASUREMENTS, and our nonce. Spec: SPDM 1.1 (DSP0274), 10.11.1. */
function requireNonce(measurements: Bytes, nonce: Bytes, field: string): void {
  const r = new Reader(measurements)
  const version = r.u8(`${field} SPDM version`)
  const code = r.u8(`${field} request code`)
  if (version !== 0x11 || code !== 0xe0)
    throw new MalformedError(
      field,
      0,
      `begins ${encodeHex(measurements.slice(0, 2))}, expected 11e0, a request for measurements`,
    )
  r.bytes('parameters', 2)
  const found = r.bytes(`${field} nonce`, 32)
  if (equalBytes(found, nonce)) return
  throw collectError(
    'evidence-raced',
    `asked for nonce ${encodeHex(nonce)}, device ${field} signed ${encodeHex(found)}; try again`,
  )
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}
