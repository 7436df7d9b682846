import { encodeHex, encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import { sha256 } from '#crypto'
import type { Claims } from '../claims.ts'
import type { VerifiedCollateral } from '../dcap/collateral.ts'
import type { SgxExtension } from '../dcap/sgx-extension.ts'
import { parseTdAttributes } from './attributes.ts'
import type { TdxQuote } from './parse.ts'
import type { TdxTcb } from './tcb.ts'

const measurementDomain = encodeUtf8('cloister/measurement/tdx/1\0')
const machineDomain = encodeUtf8('cloister/machine/1\0intel\0')

/**
 * The one digest that names what a TD runs: SHA-256 of a domain, MRTD and RTMR0-3 (48 bytes each),
 * in hexadecimal. Everything that the runtime is made of stands in one of them.
 */
export async function tdxMeasurement(report: {
  readonly mrtd: Bytes
  readonly rtmrs: readonly [Bytes, Bytes, Bytes, Bytes]
}): Promise<string> {
  return encodeHex(await sha256(measurementDomain, report.mrtd, ...report.rtmrs))
}

/** The machine id of an Intel platform: SHA-256 of a domain and its PPID (16 bytes), in hexadecimal. */
export async function intelMachineId(ppid: Bytes): Promise<string> {
  return encodeHex(await sha256(machineDomain, ppid))
}

/** What a quote says, once its signatures hold. */
export async function readTdxClaims(
  quote: TdxQuote,
  pck: SgxExtension,
  anchor: string,
): Promise<Claims> {
  const { report, qeReport } = quote
  const tdAttributes = parseTdAttributes(report.tdAttributes, encodeHex(report.tdAttributes))
  const [rtmr0, rtmr1, rtmr2, rtmr3] = report.rtmrs
  return {
    tee: 'tdx',
    anchor,
    quoteVersion: quote.header.version,
    tdVersion: report.migration === undefined ? '1.0' : '1.5',
    measurement: await tdxMeasurement(report),
    mrtd: encodeHex(report.mrtd),
    rtmrs: [encodeHex(rtmr0), encodeHex(rtmr1), encodeHex(rtmr2), encodeHex(rtmr3)],
    mrSeam: encodeHex(report.mrSeam),
    mrSignerSeam: encodeHex(report.mrSignerSeam),
    mrConfigId: encodeHex(report.mrConfigId),
    mrOwner: encodeHex(report.mrOwner),
    mrOwnerConfig: encodeHex(report.mrOwnerConfig),
    teeTcbSvn: encodeHex(report.teeTcbSvn),
    ...(report.migration && {
      mrServiceTd: encodeHex(report.migration.mrServiceTd),
      teeTcbSvn2: encodeHex(report.migration.teeTcbSvn2),
    }),
    reportData: encodeHex(report.reportData),
    tdAttributes,
    debug: tdAttributes.debug,
    xfam: encodeHex(report.xfam),
    quoteUserData: encodeHex(quote.header.userData),
    machineId: await intelMachineId(parseHex(pck.ppid)),
    ppid: pck.ppid,
    fmspc: pck.fmspc,
    pceId: pck.pceId,
    cpuSvn: pck.cpuSvn,
    pceSvn: pck.pceSvn,
    ...(pck.configuration && { platformConfiguration: pck.configuration }),
    qe: {
      mrEnclave: encodeHex(qeReport.mrEnclave),
      mrSigner: encodeHex(qeReport.mrSigner),
      isvProdId: qeReport.isvProdId,
      isvSvn: qeReport.isvSvn,
    },
  }
}

/** Adds to a quote's claims what Intel's collateral says about its machine. */
export function addTcbClaims(claims: Claims, tcb: TdxTcb, collateral: VerifiedCollateral): Claims {
  return {
    ...claims,
    tcbStatus: tcb.tcbStatus,
    platformTcbStatus: tcb.platformTcbStatus,
    sgxTcbStatus: tcb.sgxTcbStatus,
    qeTcbStatus: tcb.qeTcbStatus,
    ...(tcb.module && { tdxModule: tcb.module }),
    tcbDate: tcb.date,
    advisoryIds: tcb.advisoryIds,
    tcbEvaluationDataNumber: collateral.tcbInfo.evaluationDataNumber,
    qeIdentityEvaluationDataNumber: collateral.qeIdentity.evaluationDataNumber,
    rootCrlNumber: collateral.rootCrlNumber,
    pckCrlNumber: collateral.pckCrlNumber,
  }
}
