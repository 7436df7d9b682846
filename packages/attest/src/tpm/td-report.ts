import { encodeHex, equalBytes, MalformedError, Reader, type Bytes } from '@cloister/codec'
import type { TdReport } from '../tdx/parse.ts'

/** Bytes of a TDREPORT. */
export const tdReportBytes = 1024

/** Those fields of a TDREPORT that a quote made from it repeats. */
export type LocalTdReport = Omit<TdReport, 'migration'>

const tdxType = 0x81

/**
 * Reads a TDREPORT. Its MAC can be checked on the machine that made it alone: whether it is true says a quote.
 *
 * Spec: Intel TDX module ABI, 3.10 (TDREPORT_STRUCT, REPORTMACSTRUCT, TEE_TCB_INFO, TDINFO_STRUCT).
 *
 * @throws {MalformedError} naming the field.
 */
export function parseTdReport(bytes: Bytes): LocalTdReport {
  const r = new Reader(bytes)
  const type = r.u8('TDREPORT type')
  if (type !== tdxType)
    throw new MalformedError('TDREPORT type', 0, `got ${type}, expected 129 (TDX)`)
  const mac = r.inside('REPORTMACSTRUCT', 255)
  mac.bytes('type, CPU SVN and hashes', 127)
  const reportData = mac.bytes('REPORTDATA', 64)
  const tcb = r.inside('TEE_TCB_INFO', 239)
  tcb.bytes('valid', 8)
  const teeTcbSvn = tcb.bytes('TEE_TCB_SVN', 16)
  const mrSeam = tcb.bytes('MRSEAM', 48)
  const mrSignerSeam = tcb.bytes('MRSIGNERSEAM', 48)
  const seamAttributes = tcb.bytes('SEAMATTRIBUTES', 8)
  r.bytes('reserved', 17)
  return {
    teeTcbSvn,
    mrSeam,
    mrSignerSeam,
    seamAttributes,
    tdAttributes: r.bytes('TDATTRIBUTES', 8),
    xfam: r.bytes('XFAM', 8),
    mrtd: r.bytes('MRTD', 48),
    mrConfigId: r.bytes('MRCONFIGID', 48),
    mrOwner: r.bytes('MROWNER', 48),
    mrOwnerConfig: r.bytes('MROWNERCONFIG', 48),
    rtmrs: [r.bytes('RTMR0', 48), r.bytes('RTMR1', 48), r.bytes('RTMR2', 48), r.bytes('RTMR3', 48)],
    reportData,
  }
}

/** The first field in which a quote differs from the TDREPORT that it is said to be made from. */
export function differingField(local: LocalTdReport, quoted: TdReport): string | undefined {
  const names = [
    'reportData',
    'teeTcbSvn',
    'mrSeam',
    'mrSignerSeam',
    'seamAttributes',
    'tdAttributes',
    'xfam',
    'mrtd',
    'mrConfigId',
    'mrOwner',
    'mrOwnerConfig',
  ] as const
  const different = names.find((name) => !equalBytes(local[name], quoted[name]))
  if (different !== undefined) return different
  const index = local.rtmrs.findIndex(
    (rtmr, at) => encodeHex(rtmr) !== encodeHex(quoted.rtmrs[at] ?? rtmr.subarray(1)),
  )
  return index < 0 ? undefined : `rtmr${index}`
}
