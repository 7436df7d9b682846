import {
  appraise,
  appraiseChainOnly,
  evidenceFormat,
  parseAnchorFile,
  parseCollateral,
  productionAnchors,
  type AnchorFile,
  type Appraisal,
  type Collateral,
  type Evidence,
  type Given as AttestGiven,
  type Policy,
  type Tee,
} from '@cloister/attest'
import {
  encodeHex,
  MalformedError,
  parseHex,
  parseUtf8,
  unixSeconds,
  type UnixSeconds,
  type Bytes,
} from '@cloister/codec'
import { evidenceFromBytes, readEvidence, type FoundEvidence } from '@cloister/io'

import type { Given, OptionSpec, Run } from '../command.ts'
import { anonymousPolicy, readPolicy } from '../evidence-policy.ts'
import { readInput } from '../files.ts'
import { optionalDeploymentOption, readDeployment } from '../session.ts'
import { usageError } from '../usage-error.ts'
import { parseTime } from '../values.ts'

/** Options that say who is trusted, and at what time. */
export const anchorOptions: readonly OptionSpec[] = [
  {
    flags: '--at <TIME>',
    about: 'judge as of this time, 2026-03-05T10:50:03Z or Unix seconds; now unless said',
  },
  {
    flags: '--anchors <NAME>',
    about:
      "production: every vendor's root, or one by its name; or a FILE with a root certificate or a device's key (JWK, SPKI); may be given again",
    many: true,
  },
  { ...optionalDeploymentOption, about: 'a manifest whose anchors are trusted' },
]

/** Options of every command that judges evidence. */
export const judgeOptions: readonly OptionSpec[] = [
  ...anchorOptions,
  {
    flags: '--collateral <FILE>',
    about: "the vendors' documents as JSON, in place of the folder's; or none: signatures alone",
  },
  {
    flags: '--policy <FILE>',
    about: 'what is wanted of the evidence; strict about any enclave and any machine unless said',
  },
  { flags: '--report-data <HEX>', about: 'what the device has to have signed' },
]

/** Evidence that was judged: what was found, what it was judged by, and the answer. */
export type Judged = {
  /** Undefined where it could not be read at all. */
  readonly evidence: Evidence | undefined
  readonly format: string | null
  readonly given: AttestGiven
  readonly appraisal: Appraisal
}

/**
 * Judges what a command names: its evidence, by what else stands on the command line.
 *
 * Malformed evidence and documents are answers. @throws {OperationError} on wrong options and absent files.
 */
export function judgeNamed(given: Given, run: Run): Promise<Judged> {
  return judgePath(given.argument(0), given, run)
}

/** What else one part of a session is judged by. */
export type Part = {
  /** What it has to have signed, in place of what the command line and the policy say. */
  readonly reportData?: Bytes
  /** Documents of other parts, where none of that kind lies beside its own evidence. */
  readonly beside?: Collateral
}

/** Judges the evidence at `path` like {@link judgeNamed}. */
export async function judgePath(
  path: string,
  given: Given,
  run: Run,
  part: Part = {},
): Promise<Judged> {
  const now = nowOf(given)
  const reportData = part.reportData ?? given.read('reportData', reportDataOf)
  const named = readPath(path)
  const tee = named instanceof MalformedError ? undefined : named.evidence.tee
  const { anchors, deviceKeys } = await trustedOf(given, tee)
  const policy = policyOf(given, reportData, run)
  const base = { anchors, policy, now }
  const chosen = chosenCollateral(given)
  const unread = { ...base, collateral: 'none' } as const
  if (named instanceof MalformedError)
    return { evidence: undefined, format: null, given: unread, appraisal: rejected(named) }
  const { evidence } = named
  const format = evidenceFormat(evidence)
  const bad = chosen instanceof MalformedError ? chosen : named.malformed
  if (bad !== undefined) return { evidence, format, given: unread, appraisal: rejected(bad) }
  const beside = { ...part.beside, ...named.collateral }
  if (chosen === 'none') {
    const chain = { ...base, collateral: withKeys(beside, deviceKeys) }
    return { evidence, format, given: unread, appraisal: await appraiseChainOnly(evidence, chain) }
  }
  const documents = chosen instanceof MalformedError ? {} : chosen
  const full = { ...base, collateral: withKeys({ ...beside, ...documents }, deviceKeys) }
  return { evidence, format, given: full, appraisal: await appraise(evidence, full) }
}

/** Reads the evidence that a command names, or says what is wrong with it. */
export function readNamed(given: Given): FoundEvidence | MalformedError {
  return readPath(given.argument(0))
}

/** The time that a command is asked to judge at. */
export function nowOf(given: Given): UnixSeconds {
  return given.read('at', parseTime) ?? unixSeconds(Math.floor(Date.now() / 1000))
}

/** Evidence that is longer is malformed; what is longer still is not read to its end. */
const standardInputBytesMax = 16 * 2 ** 20

function readPath(path: string): FoundEvidence | MalformedError {
  try {
    return path === '-'
      ? evidenceFromBytes(readInput('-', { what: 'evidence', bytesMax: standardInputBytesMax }))
      : readEvidence(path)
  } catch (error) {
    if (error instanceof MalformedError) return error
    throw error
  }
}

function rejected(error: MalformedError): Appraisal {
  const { field, offset, message } = error
  return { authentic: false, reject: 'PARSE', where: message, at: { field, offset } }
}

/** What stands on the command line in place of the documents beside the evidence. */
export function chosenCollateral(given: Given): Collateral | 'none' | MalformedError {
  const path = given.text('collateral')
  if (path === undefined) return {}
  if (path === 'none') return path
  const bytes = readInput(path, { what: 'collateral', bytesMax: 64 * 2 ** 20 })
  try {
    return parseCollateral(parseUtf8(bytes, 'collateral'))
  } catch (error) {
    if (error instanceof MalformedError) return error
    throw error
  }
}

/** Keys that somebody pins are keys that evidence may be verified with. */
function withKeys(collateral: Collateral, keys: AnchorFile['deviceKeys']): Collateral {
  return keys.length === 0
    ? collateral
    : { ...collateral, deviceKeys: [...(collateral.deviceKeys ?? []), ...keys] }
}

/** Whom a command trusts to vouch for evidence of `tee`: a device's key that it names is pinned for that alone. */
export async function trustedOf(given: Given, tee: Tee | undefined): Promise<AnchorFile> {
  const named = given.texts('anchors')
  const vendors = productionAnchors().filter(({ name }) => named.includes(name))
  const paths = named.filter(
    (name) => name !== production && !vendors.some((each) => each.name === name),
  )
  const files = await Promise.all(paths.map((path) => readAnchors(path, tee)))
  const isProduction =
    named.includes(production) || (named.length === 0 && given.text('deployment') === undefined)
  return {
    anchors: [
      ...(isProduction ? productionAnchors() : vendors),
      ...files.flatMap(({ anchors }) => anchors),
      ...(given.text('deployment') === undefined ? [] : readDeployment(given).anchors),
    ],
    deviceKeys: files.flatMap(({ deviceKeys }) => deviceKeys),
  }
}

const production = 'production'

async function readAnchors(path: string, tee: Tee | undefined): Promise<AnchorFile> {
  const bytes = readInput(path, { what: 'anchors', bytesMax: 1 << 20 })
  try {
    return await parseAnchorFile(bytes, tee)
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw usageError(`Cannot use the anchors ${path}: ${cause.message}`, cause)
  }
}

/** What a command wants of evidence; `reportData` counts before the policy file's. */
export function policyOf(given: Given, reportData: Bytes | undefined, run: Run): Policy {
  const path = given.text('policy')
  if (path !== undefined) return readPolicy(path, reportData)
  run.say('no --policy: any enclave and any machine may have made this')
  return reportData === undefined
    ? anonymousPolicy
    : { ...anonymousPolicy, reportData: encodeHex(reportData) }
}

/** As long as the kind of evidence has it: 32 bytes for a GPU, 64 for most. */
function reportDataOf(text: string): Bytes {
  const bytes = parseHex(text.toLowerCase().replace(/^0x/, ''), 'hexadecimal')
  if (bytes.length === 0 || bytes.length > 1024)
    throw new MalformedError('hexadecimal', 0, `got ${bytes.length} bytes, expected 1 to 1024`)
  return bytes
}
