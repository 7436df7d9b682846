import { randomBytes } from 'node:crypto'

import { encodeUtf8, MalformedError, OperationError, parseUtf8, type Bytes } from '@cloister/codec'

import { requireReportData } from './bound-report-data.ts'
import { collectError, fromSystemError, systemCode } from './collect-error.ts'
import { readToEnd, systemFiles, writeOnce, type DeviceFiles } from './device-files.ts'
import type { Collected, EvidenceDriver } from './driver.ts'
import { aborted, CollectLane, requireLength, waitFor } from './patience.ts'
import { readCertificateTable } from './snp-certificate-table.ts'

/** Where configfs offers reports, once it is mounted. */
export const tsmReportFolder = '/sys/kernel/config/tsm/report'

/** How reports are collected. */
export type ConfigfsTsmOptions = {
  /** The folder of reports; the kernel's own where nothing is said. */
  readonly folder?: string
  /** SNP: the VMPL that the report speaks for, 0 to 3, not below the guest's own. Other platforms have none. */
  readonly privilegeLevel?: 0 | 1 | 2 | 3
  /** A TDX host gets 30 s by the kernel, an SNP host 60 s. */
  readonly waitMilliseconds?: number
  readonly files?: DeviceFiles
}

const outblobBytesMax = 64 * 1024 // Kernels gave at most 32 KiB; newer ones allow more than any evidence needs.
const textBytesMax = 4096
const attemptsMax = 3

type Platform = {
  readonly tee: 'tdx' | 'sev-snp' | 'arm-cca'
  readonly reportDataBytes: { readonly min: number; readonly max: number }
}

/**
 * By the name that the kernel's driver registers: its module's. Spec: Linux drivers/virt/coco/{tdx-guest,sev-guest,
 * arm-cca-guest}, `tsm_report_ops.name`, and their checks of `inblob_len`.
 */
const platforms: ReadonlyMap<string, Platform> = new Map([
  ['tdx_guest', { tee: 'tdx', reportDataBytes: { min: 64, max: 64 } }],
  ['sev_guest', { tee: 'sev-snp', reportDataBytes: { min: 64, max: 64 } }],
  ['arm_cca_guest', { tee: 'arm-cca', reportDataBytes: { min: 32, max: 64 } }],
  ['arm-cca-guest', { tee: 'arm-cca', reportDataBytes: { min: 32, max: 64 } }],
])

// One for the process: all drivers ask the same kernel.
const lane = new CollectLane('report of the kernel')

/**
 * Collects TDX quotes, SNP reports and CCA tokens from Linux 6.7 and newer.
 *
 * Each request has a folder of its own with a random name. What was written is taken when its file is closed, and
 * the kernel tells nobody whether it was: only the folder's `generation` shows it, one step per write. So evidence
 * counts only where the generation has gone as many steps as this request wrote; anything else is tried
 * again, at most three times. The folder is removed whatever happens.
 *
 * Spec: Linux Documentation/ABI/testing/configfs-tsm-report.
 */
export function createConfigfsTsmDriver(options: ConfigfsTsmOptions = {}): EvidenceDriver {
  const { folder = tsmReportFolder, files = systemFiles, privilegeLevel } = options
  const waitMilliseconds = options.waitMilliseconds ?? 90_000
  const reportDataBytes = { min: 32, max: 64 }
  return {
    name: 'configfs-tsm',
    reportDataBytes,
    collect: async ({ reportData, signal }) => {
      requireLength(reportData, reportDataBytes)
      const kept = reportData.slice() // The caller's buffer may change while this waits for its turn.
      const work = (unwanted: AbortSignal): Promise<Collected> =>
        lane.run(async () => {
          for (let attempt = 1; ; attempt++) {
            if (unwanted.aborted) throw aborted(unwanted)
            try {
              return await collectOnce(files, folder, kept, privilegeLevel)
            } catch (error) {
              if (attempt === attemptsMax || !isRace(error)) throw error
            }
          }
        })
      return [await waitFor(work, waitMilliseconds, signal)]
    },
  }
}

function isRace(error: unknown): boolean {
  return error instanceof OperationError && error.code === 'evidence-raced'
}

async function collectOnce(
  files: DeviceFiles,
  folder: string,
  reportData: Bytes,
  privilegeLevel: number | undefined,
): Promise<Collected> {
  const path = `${folder}/cloister-${randomBytes(16).toString('hex')}`
  await step(`mkdir ${path}`, () => files.mkdir(path))
  let collected: Collected
  try {
    collected = await fillFolder(files, path, reportData, privilegeLevel)
  } catch (error) {
    await removeFolder(files, path, error)
    throw error
  }
  await removeFolder(files, path, undefined)
  return collected
}

async function removeFolder(files: DeviceFiles, path: string, earlier: unknown): Promise<void> {
  try {
    await files.rmdir(path)
  } catch (error) {
    const both = earlier === undefined ? error : new AggregateError([earlier, error])
    const first = earlier instanceof Error ? `${earlier.message}; then ` : ''
    throw collectError(
      'evidence-failed',
      `${first}rmdir ${path} failed with ${systemCode(error) ?? String(error)}; remove it by hand`,
      both,
    )
  }
}

async function fillFolder(
  files: DeviceFiles,
  path: string,
  reportData: Bytes,
  privilegeLevel: number | undefined,
): Promise<Collected> {
  const platform = await readPlatform(files, path)
  requireLength(reportData, platform.reportDataBytes)
  const first = await readGeneration(files, path)
  if (privilegeLevel !== undefined)
    await step(`write ${path}/privlevel`, () =>
      writeOnce(files, `${path}/privlevel`, encodeUtf8(`${privilegeLevel}`)),
    )
  await step(`write ${path}/inblob`, () => writeOnce(files, `${path}/inblob`, reportData))
  const expected = first + (privilegeLevel === undefined ? 1n : 2n)
  let outblob: Bytes
  let auxblob: Bytes | undefined
  try {
    outblob = await step(`read ${path}/outblob`, () =>
      readToEnd(files, `${path}/outblob`, outblobBytesMax),
    )
    auxblob = platform.tee === 'sev-snp' ? await readAuxblob(files, path) : undefined
  } catch (error) {
    await requireGeneration(files, path, expected) // A lost or a foreign write explains more than what came of it.
    throw error
  }
  await requireGeneration(files, path, expected)
  if (outblob.length === 0)
    throw collectError('evidence-malformed', `${path}/outblob is empty; look into the kernel log`)
  return step(`read ${path}/outblob`, async () =>
    toCollected(platform, outblob, auxblob, reportData),
  )
}

async function readPlatform(files: DeviceFiles, path: string): Promise<Platform> {
  const provider = await readLine(files, `${path}/provider`)
  const platform = platforms.get(provider)
  if (platform !== undefined) return platform
  throw collectError(
    'evidence-unavailable',
    `the kernel's provider is ${JSON.stringify(provider)}, known are ${[...platforms.keys()].join(', ')}`,
  )
}

async function readGeneration(files: DeviceFiles, path: string): Promise<bigint> {
  const text = await readLine(files, `${path}/generation`)
  if (!/^\d{1,20}$/.test(text))
    throw collectError('evidence-malformed', `${path}/generation holds ${JSON.stringify(text)}`)
  return BigInt(text)
}

async function requireGeneration(files: DeviceFiles, path: string, expected: bigint) {
  const found = await readGeneration(files, path)
  if (found === expected) return
  throw collectError(
    'evidence-raced',
    found < expected
      ? `${path} is at generation ${found}, expected ${expected}: the kernel dropped what was written; try again`
      : `${path} is at generation ${found}, expected ${expected}: somebody else wrote there; find out who else is root here, and try again`,
  )
}

function readLine(files: DeviceFiles, path: string): Promise<string> {
  return step(`read ${path}`, async () =>
    parseUtf8(await readToEnd(files, path, textBytesMax), path).replace(/\n$/, ''),
  )
}

/** Absent from kernels whose driver has none, empty where the host supplies no certificates. */
async function readAuxblob(files: DeviceFiles, path: string): Promise<Bytes | undefined> {
  try {
    return await readToEnd(files, `${path}/auxblob`, outblobBytesMax)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw fromSystemError(error, `read ${path}/auxblob`)
  }
}

function toCollected(
  platform: Platform,
  outblob: Bytes,
  auxblob: Bytes | undefined,
  reportData: Bytes,
): Collected {
  // Where a CCA token has its challenge depends on its profile: its appraisal looks.
  if (platform.tee === 'arm-cca') return { evidence: { tee: 'arm-cca', token: outblob } }
  if (platform.tee === 'tdx') {
    const evidence = { tee: 'tdx', quote: outblob } as const
    requireReportData(evidence, reportData)
    return { evidence }
  }
  const evidence = { tee: 'sev-snp', report: outblob } as const
  requireReportData(evidence, reportData)
  return auxblob === undefined ? { evidence } : withCertificates(evidence, auxblob)
}

/** A report stands without its host's certificates: a table that cannot be read is told, and left out. */
function withCertificates(
  evidence: { readonly tee: 'sev-snp'; readonly report: Bytes },
  auxblob: Bytes,
): Collected {
  try {
    const amd = readCertificateTable(auxblob, evidence.report)
    return amd === undefined ? { evidence } : { evidence, collateral: { amd } }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return {
      evidence,
      warning: `The host's certificate table is left out: ${error.message}. Fetch the certificates from AMD`,
    }
  }
}

async function step<T>(action: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw fromSystemError(error, action)
  }
}
