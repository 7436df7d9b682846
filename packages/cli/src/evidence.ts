import { statSync } from 'node:fs'
import { join } from 'node:path'

import {
  appraisalDigest,
  appraise,
  describeAppraisal,
  isAccepted,
  parseCollateral,
  parseTdxQuote,
  productionAnchor,
  type Anchor,
  type Policy,
} from '@cloister/attest'
import { encodeHex, parseUtf8, unixSeconds, type Bytes } from '@cloister/codec'
import { tdxMeasurement } from '@cloister/protocol'
import type { Hex } from 'viem'

import type { Answer, CommandSpec, Given, Run } from './command.ts'
import { anonymousPolicy, readPolicy } from './evidence-policy.ts'
import { exitCodes } from './exit-codes.ts'
import { readInput } from './files.ts'
import { optionalDeploymentOption, readDeployment } from './session.ts'
import { usageError } from './usage-error.ts'
import { hexOfLength, parseTime } from './values.ts'

const collateralBytesMax = 4 * 2 ** 20
const quoteBytesMax = 64 * 1024

/** `cloister evidence`. */
export const evidenceCommands: readonly CommandSpec[] = [
  {
    usage: 'appraise <QUOTE>',
    about: 'judge a TDX quote: a file, or a folder with quote.bin and collateral.json',
    options: [
      {
        flags: '--collateral <FILE>',
        about: "the vendor's documents as JSON, or none; the folder's unless said",
      },
      {
        flags: '--anchors <NAME>',
        about: "production: Intel's root; else those of --deployment",
        choices: ['production'],
      },
      { ...optionalDeploymentOption, about: 'a manifest whose anchors are trusted' },
      {
        flags: '--at <TIME>',
        about: 'judge as of this time, such as 2026-03-05T10:50:03Z; now unless said',
      },
      {
        flags: '--policy <FILE>',
        about: 'what is wanted of the evidence; any enclave, any machine, strict else unless said',
      },
      { flags: '--report-data <HEX>', about: 'the 64 bytes that the TEE has to have signed' },
    ],
    run: async (given, run) => {
      const reportData = given.read('reportData', hexOfLength(64))
      const now = given.read('at', parseTime) ?? unixSeconds(Math.floor(Date.now() / 1000))
      const anchors = anchorsOf(given)
      const policy = policyOf(given, reportData, run)
      const quote = readQuote(given.argument(0))
      const appraisal = await appraise(
        { tee: 'tdx', quote },
        { collateral: collateralOf(given), anchors, policy, now },
      )
      const accepted = isAccepted(appraisal)
      const digest = encodeHex(await appraisalDigest(appraisal))
      return {
        schema: 'cloister.evidence.appraise/1',
        value: { accepted, digest, at: now, appraisal },
        text: describeAppraisal(appraisal),
        exit: accepted ? exitCodes.ok : exitCodes.refused,
      }
    },
  },
  {
    usage: 'show <QUOTE>',
    about: 'what a TDX quote says, in words; nothing is checked',
    run: async (given) => show(readQuote(given.argument(0))),
  },
]

function readQuote(path: string): Bytes {
  const file = isFolder(path) ? join(path, 'quote.bin') : path
  return readInput(file, { what: 'quote', bytesMax: quoteBytesMax })
}

function collateralOf(given: Given) {
  const folder = given.argument(0)
  const path =
    given.text('collateral') ?? (isFolder(folder) ? join(folder, 'collateral.json') : undefined)
  if (path === undefined)
    throw usageError(
      'Cannot appraise without collateral: say --collateral FILE, or --collateral none for a look at the signatures alone',
    )
  if (path === 'none') return 'none'
  const bytes = readInput(path, { what: 'collateral', bytesMax: collateralBytesMax })
  return parseCollateral(parseUtf8(bytes, 'collateral'))
}

function anchorsOf(given: Given): readonly Anchor[] {
  if (given.text('anchors') === 'production') return [productionAnchor('intel-sgx-root-ca')]
  if (given.text('deployment') === undefined)
    throw usageError(
      'Cannot appraise without anchors: say --anchors production, or --deployment FILE',
    )
  return readDeployment(given).anchors
}

function policyOf(given: Given, reportData: Bytes | undefined, run: Run): Policy {
  const path = given.text('policy')
  if (path !== undefined) return readPolicy(path, reportData)
  run.say('no --policy: any enclave and any machine may have made this')
  return reportData === undefined
    ? anonymousPolicy
    : { ...anonymousPolicy, reportData: encodeHex(reportData) }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function show(bytes: Bytes): Answer {
  const { header, report, certificationType, size } = parseTdxQuote(bytes)
  const [rtmr0, rtmr1, rtmr2, rtmr3] = report.rtmrs
  const rtmrs = [hex(rtmr0), hex(rtmr1), hex(rtmr2), hex(rtmr3)] as const
  const mrtd = hex(report.mrtd)
  const value = {
    version: header.version,
    tdVersion: report.migration === undefined ? '1.0' : '1.5',
    measurement: tdxMeasurement({ mrtd, rtmrs }),
    mrtd,
    rtmrs,
    mrSeam: hex(report.mrSeam),
    mrConfigId: hex(report.mrConfigId),
    mrOwner: hex(report.mrOwner),
    tdAttributes: hex(report.tdAttributes),
    teeTcbSvn: hex(report.teeTcbSvn),
    reportData: hex(report.reportData),
    certificationType,
    bytes: size,
  }
  const text = [
    ...Object.entries(value).flatMap(([name, field]) =>
      typeof field === 'object'
        ? field.map((each, index) => `${`rtmr${index}`.padEnd(17)} ${each}`)
        : [`${name.padEnd(17)} ${field}`],
    ),
    'Nothing of this was checked: cloister evidence appraise does that.',
  ].join('\n')
  return { schema: 'cloister.evidence.show/1', value, text }
}

function hex(part: Bytes): Hex {
  return `0x${encodeHex(part)}`
}
