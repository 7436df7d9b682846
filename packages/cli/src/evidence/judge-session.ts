import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

import {
  cpuEvidenceBytes,
  gpuNonce,
  isAccepted,
  judgeSession,
  type Collateral,
  type DeviceCounts,
  type Evidence,
  type NvidiaEvidence,
  type SessionPart,
  type SessionReason,
  type Tee,
} from '@cloister/attest'
import { encodeHex, MalformedError, parseHex, type Bytes } from '@cloister/codec'

import type { Given, OptionSpec, Run } from '../command.ts'
import { usageError } from '../usage-error.ts'
import { judgePath, type Judged } from './judge.ts'

/** Options of every command that judges a session, besides those that name its parts. */
export const sessionSetOptions: readonly OptionSpec[] = [
  { flags: '--vtpm <PATH>', about: "the quote of the TPM of this CPU's VM" },
  {
    flags: '--expect <GPUS,SWITCHES>',
    about: 'how many devices there have to be, such as 8,4; as many as are named unless said',
  },
]

/** One part of a session, and how it was judged. */
export type JudgedPart = {
  readonly name: SessionPart
  readonly path: string
  readonly judged: Judged
}

/** A session that was judged. */
export type JudgedSession = {
  readonly accepted: boolean
  /** What devices and vTPM have to have signed, in hexadecimal; undefined where the CPU's evidence can't be read. */
  readonly nonce: string | undefined
  /** The CPU, the devices, the vTPM. */
  readonly parts: readonly JudgedPart[]
  readonly reasons: readonly SessionReason[]
}

/** Where the evidence of a session lies, and what it answers. */
type Named = { readonly devices: readonly string[]; readonly challenge: Bytes }

/**
 * Judges a CPU, its devices and its vTPM as one session. Malformed evidence is an answer.
 *
 * Where neither `--report-data` nor a policy says what the CPU has to have signed, it is the challenge, then zeros: a
 * recording of its evidence would hold otherwise. With a vTPM it is what names the vTPM's key, and the vTPM's quote is new.
 *
 * @throws {OperationError} on wrong options, absent files, and evidence of a kind that has no place there.
 */
export async function judgeSessionNamed(
  given: Given,
  run: Run,
  { devices, challenge }: Named,
): Promise<JudgedSession> {
  const vtpm = given.text('vtpm')
  const counts = given.read('expect', countsOf)
  const paths = devices.flatMap(devicePaths)
  if (paths.length > devicesMax)
    throw usageError(`Cannot judge ${paths.length} devices: at most ${devicesMax} at once`)
  const once = sayOnce(run)
  const cpu = await judgeCpu(given, once, challenge)
  const nonce = cpu.evidence && (await gpuNonce(cpuBytes(cpu.evidence), challenge))
  const reportData = nonce ?? new Uint8Array(0)
  const parts: JudgedPart[] = [{ name: 'cpu', path: given.argument(0), judged: cpu }]
  for (const [index, path] of paths.entries()) {
    const judged = await judgePath(path, given, once, { reportData })
    requireKind(judged.evidence, deviceKinds, path, 'a GPU or a switch')
    parts.push({ name: `device ${index + 1}`, path, judged })
  }
  const ofDevices = parts.slice(1).map(({ judged }) => judged)
  if (vtpm !== undefined) {
    const part = { reportData, beside: hardwareDocuments(cpu) }
    const judged = await judgePath(vtpm, given, once, part)
    requireKind(judged.evidence, ['tpm2'], vtpm, 'a TPM')
    parts.push({ name: 'vtpm', path: vtpm, judged })
  }
  const ofVtpm = parts.find(({ name }) => name === 'vtpm')?.judged.appraisal
  const reasons = judgeSession(
    {
      cpu: cpu.appraisal,
      devices: ofDevices.map(({ appraisal }) => appraisal),
      ...(ofVtpm && { vtpm: ofVtpm }),
    },
    {
      nonce: nonce && encodeHex(nonce),
      challenge: encodeHex(challenge),
      expected: counts ?? countOf(ofDevices),
    },
  )
  const accepted =
    reasons.length === 0 && parts.every(({ judged: { appraisal } }) => isAccepted(appraisal))
  return { accepted, nonce: nonce && encodeHex(nonce), parts, reasons }
}

/** The bytes of a CPU's evidence that a session's nonce is made from. @throws {OperationError} for a device. */
export function cpuBytes(evidence: Evidence): Bytes {
  if (!isDevice(evidence)) return cpuEvidenceBytes(evidence)
  throw usageError(`Cannot take ${evidence.tee} evidence for a CPU: name the CPU's evidence first`)
}

/** A verifier's challenge: 32 bytes. @throws {MalformedError} */
export function challengeOf(text: string): Bytes {
  const bytes = parseHex(text.toLowerCase().replace(/^0x/, ''), 'hexadecimal')
  if (bytes.length === 32) return bytes
  throw new MalformedError('hexadecimal', 0, `got ${bytes.length} bytes, expected 32`)
}

const deviceKinds: readonly Tee[] = ['nvidia-gpu', 'nvidia-nvswitch']

function isDevice(evidence: Evidence): evidence is NvidiaEvidence {
  return deviceKinds.includes(evidence.tee)
}

/** An EAR holds 64 results: a CPU's and a vTPM's are two of them. */
const devicesMax = 62

async function judgeCpu(given: Given, run: Run, challenge: Bytes): Promise<Judged> {
  const isSaid = (['policy', 'reportData', 'vtpm'] as const).some(
    (name) => given.text(name) !== undefined,
  )
  if (isSaid) return await judgePath(given.argument(0), given, run)
  const reportData = new Uint8Array(64)
  reportData.set(challenge)
  run.say('no --report-data: the CPU has to have signed the challenge, then 32 zeros')
  return await judgePath(given.argument(0), given, run, { reportData })
}

/** What the hardware below a vTPM is judged by: the CPU is the same machine. */
function hardwareDocuments({ given: { collateral } }: Judged): Collateral {
  if (collateral === 'none') return {}
  const { intel, amd } = collateral
  return { ...(intel && { intel }), ...(amd && { amd }) }
}

/** The folder of a device, or those below it, `0` and on, that `collect` writes for several. */
function devicePaths(path: string): readonly string[] {
  if (statSync(join(path, '0'), { throwIfNoEntry: false })?.isDirectory() !== true) return [path]
  const numbers = readdirSync(path)
    .filter((name) => /^(?:0|[1-9]\d{0,3})$/.test(name))
    .map(Number)
    .toSorted((a, b) => a - b)
  const gap = numbers.findIndex((number, index) => number !== index)
  if (gap >= 0) throw usageError(`Cannot use the devices in ${path}: folder ${gap} is missing`)
  return numbers.map((number) => join(path, String(number)))
}

function requireKind(
  evidence: Evidence | undefined,
  kinds: readonly Tee[],
  path: string,
  what: string,
): void {
  if (evidence !== undefined && !kinds.includes(evidence.tee))
    throw usageError(`Cannot use ${path}: got ${evidence.tee} evidence, expected that of ${what}`)
}

/** What is named is what is expected: what can't be read counts as a GPU, and is refused for itself. */
function countOf(devices: readonly Judged[]): DeviceCounts {
  const switches = devices.filter(({ evidence }) => evidence?.tee === 'nvidia-nvswitch').length
  return { gpus: devices.length - switches, switches }
}

function countsOf(text: string): DeviceCounts {
  const [, gpus, switches] = /^(\d{1,2}),(\d{1,2})$/.exec(text) ?? []
  if (gpus === undefined || switches === undefined)
    throw new MalformedError('count', 0, 'expected GPUs and switches, such as 8,4')
  return { gpus: Number(gpus), switches: Number(switches) }
}

/** What holds for all parts is said for the first one. */
function sayOnce(run: Run): Run {
  const said = new Set<string>()
  return {
    ...run,
    say: (line) => {
      if (said.has(line)) return
      said.add(line)
      run.say(line)
    },
  }
}
