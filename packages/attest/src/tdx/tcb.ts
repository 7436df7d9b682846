import type { IntelTcb } from '../dcap/claims.ts'
import type { SgxExtension } from '../dcap/sgx-extension.ts'
import { matchPlatform, reachesSgx } from '../dcap/platform-level.ts'
import type {
  ComponentLevel,
  TdxModuleIdentity,
  TdxTcbInfo,
  TdxTcbLevel,
} from '../dcap/tcb-info.ts'
import { convergeStatus, type ComponentStatus, type TcbStatus } from '../dcap/tcb-status.ts'
import { encodeHex, type Bytes } from '@cloister/codec'
import { Refusal, refuseUnless } from '../reject.ts'
import type { TdReport } from './parse.ts'

/** What Intel's algorithm says about a platform, its TDX module and its quoting enclave. */
export type TdxTcb = IntelTcb & {
  /** Absent for a TDX module of version 0, which TCB info judges with the platform. */
  readonly module: TdxModuleTcb | undefined
}

/** What Intel says about a TDX module. */
export type TdxModuleTcb = {
  readonly id: string
  readonly isvSvn: number
  readonly tcbStatus: ComponentStatus
  /** When its level was set. */
  readonly tcbDate: string
  readonly advisoryIds: readonly string[]
}

/**
 * Judges a platform's TCB: module identity, matching levels, convergence.
 *
 * Spec: Intel SGX and TDX quote verification library, 4.1.2.4.9 to 11 and 4.1.2.4.17.
 *
 * @throws {Refusal} TCB_INFO_MISMATCH, TDX_MODULE_MISMATCH or TCB_NOT_SUPPORTED.
 */
export function judgeTdxTcb(
  report: TdReport,
  pck: SgxExtension,
  info: TdxTcbInfo,
  qeLevel: ComponentLevel | undefined,
): TdxTcb {
  matchPlatform(pck, info)
  const identity = findModule(report.teeTcbSvn, info)
  matchModule(report, identity ?? info.module)

  const onSgx = info.levels.filter((level) => reachesSgx(pck, level))
  const sgxLevel = onSgx[0]
  const level = onSgx.find((candidate) => reachesTdx(report.teeTcbSvn, candidate))
  if (sgxLevel === undefined || level === undefined)
    throw new Refusal('TCB_NOT_SUPPORTED', 'no TCB level of the platform matches')
  const moduleLevel = identity && matchModuleLevel(report.teeTcbSvn, identity)
  if (qeLevel === undefined)
    throw new Refusal('TCB_NOT_SUPPORTED', 'no TCB level of the quoting enclave matches')

  const withModule = convergeStatus(level.status, moduleLevel?.status ?? 'UpToDate')
  const relaunched = adviseRelaunch(report, info, {
    sgx: sgxLevel.status,
    tdx: withModule,
    module: moduleLevel?.status ?? 'UpToDate',
    qe: qeLevel.status,
  })
  const parts = [level, qeLevel, ...(moduleLevel ? [moduleLevel] : [])]
  return {
    tcbStatus: convergeStatus(relaunched, qeLevel.status),
    platformTcbStatus: level.status,
    sgxTcbStatus: sgxLevel.status,
    qeTcbStatus: qeLevel.status,
    module: identity &&
      moduleLevel && {
        id: identity.id,
        isvSvn: report.teeTcbSvn[0] ?? 0,
        tcbStatus: moduleLevel.status,
        tcbDate: moduleLevel.date,
        advisoryIds: moduleLevel.advisoryIds.toSorted(),
      },
    date: level.date,
    qeDate: qeLevel.date,
    advisoryIds: [...new Set(parts.flatMap((part) => part.advisoryIds))].toSorted(),
  }
}

/**
 * The identity of the TDX module that `TEE_TCB_SVN[1]` names; none is needed for version 0.
 *
 * Spec: 4.1.2.4.11.
 */
function findModule(teeTcbSvn: Bytes, info: TdxTcbInfo): TdxModuleIdentity | undefined {
  const version = teeTcbSvn[1] ?? 0
  if (version === 0) return undefined
  const id = `TDX_${version.toString(16).padStart(2, '0').toUpperCase()}`
  const found = info.moduleIdentities.find((identity) => identity.id === id)
  if (found === undefined)
    throw new Refusal('TDX_MODULE_MISMATCH', `TCB info has no module identity ${id}`)
  return found
}

/** MRSIGNERSEAM is the module signer's, SEAMATTRIBUTES are zero and as stated. Spec: 4.1.2.4.11. */
function matchModule(
  report: TdReport,
  expected: { readonly mrSigner: string; readonly attributes: string },
): void {
  const signer = encodeHex(report.mrSignerSeam)
  refuseUnless(
    signer === expected.mrSigner,
    'TDX_MODULE_MISMATCH',
    () => `MRSIGNERSEAM: got ${signer}, expected ${expected.mrSigner}`,
  )
  const attributes = encodeHex(report.seamAttributes)
  refuseUnless(
    attributes === '0000000000000000' && expected.attributes === attributes,
    'TDX_MODULE_MISMATCH',
    () => `SEAMATTRIBUTES: got ${attributes}, expected zero and ${expected.attributes}`,
  )
}

/** Spec: 4.1.2.4.17.4.1. */
function matchModuleLevel(teeTcbSvn: Bytes, identity: TdxModuleIdentity): ComponentLevel {
  const svn = teeTcbSvn[0] ?? 0
  const level = identity.levels.find((candidate) => svn >= candidate.isvSvn)
  if (level === undefined)
    throw new Refusal(
      'TCB_NOT_SUPPORTED',
      `no TCB level of module ${identity.id} matches SVN ${svn}`,
    )
  return level
}

/**
 * Every TDX component reaches the level. With a module that has an identity of its own the first two
 * components belong to the module: its identity judges them. Spec: 4.1.2.4.17.3.
 */
function reachesTdx(teeTcbSvn: Bytes, level: TdxTcbLevel): boolean {
  const first = (teeTcbSvn[1] ?? 0) > 0 ? 2 : 0
  return level.tdxSvns.every((svn, index) => index < first || (teeTcbSvn[index] ?? 0) >= svn)
}

type Statuses = {
  readonly sgx: TcbStatus
  readonly tdx: TcbStatus
  readonly module: ComponentStatus
  readonly qe: ComponentStatus
}

/**
 * A TD 1.5 that started under an old module which has been updated since: starting it anew would
 * make it current. Spec: 4.1.2.4.17.4.3.
 */
function adviseRelaunch(report: TdReport, info: TdxTcbInfo, statuses: Statuses): TcbStatus {
  const { sgx, tdx, module, qe } = statuses
  const [latest] = info.levels
  const current = report.migration?.teeTcbSvn2
  if (current === undefined || latest === undefined) return tdx
  if (qe !== 'UpToDate' || module !== 'OutOfDate' || !settled.has(sgx)) return tdx
  if (tdx !== 'OutOfDate' && tdx !== 'OutOfDateConfigurationNeeded') return tdx

  const [svn = 0, version = 0, third = 0] = current
  const identity = findModule(current, info)
  const needed = version === 0 ? latest.tdxSvns[0] : identity?.levels[0]?.isvSvn
  if (needed === undefined)
    throw new Refusal('TCB_NOT_SUPPORTED', `module ${identity?.id ?? ''} has no TCB level`)
  if (svn < needed || third < (latest.tdxSvns[2] ?? 0)) return tdx
  return needsConfiguration.has(sgx) || needsConfiguration.has(tdx)
    ? 'TDRelaunchAdvisedConfigurationNeeded'
    : 'TDRelaunchAdvised'
}

const needsConfiguration: ReadonlySet<TcbStatus> = new Set([
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDateConfigurationNeeded',
])

const settled: ReadonlySet<TcbStatus> = new Set([
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
])
