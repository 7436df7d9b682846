import { encodeHex, type Bytes } from '@cloister/codec'
import type { CommonClaims } from '../claims.ts'
import type { PckChain, Vouched } from '../dcap/authenticate.ts'
import {
  readPckClaims,
  readQuotingClaims,
  readTcbClaims,
  unknownLine,
  type IntelPckClaims,
  type IntelQuotingClaims,
  type IntelTcbClaims,
} from '../dcap/claims.ts'
import type { ComponentStatus } from '../dcap/tcb-status.ts'
import type { VerifiedCollateral } from '../dcap/collateral.ts'
import type { TdxTcbInfo } from '../dcap/tcb-info.ts'
import { measurementOf } from '../identity.ts'
import { parseTdAttributes, type TdAttributes } from './attributes.ts'
import type { TdxQuote } from './parse.ts'
import type { TdxTcb } from './tcb.ts'

/**
 * What an authentic TDX quote says. What its PCK certificate says of the machine is absent where no certificate was at
 * hand, and the status of the TCB where no collateral was given.
 */
export type TdxClaims = CommonClaims &
  Partial<IntelPckClaims> &
  IntelQuotingClaims &
  IntelTcbClaims & {
    readonly tee: 'tdx'
    readonly debug: boolean
    readonly quoteVersion: 4 | 5
    readonly tdVersion: '1.0' | '1.5'
    readonly mrtd: string
    readonly rtmrs: readonly [string, string, string, string]
    readonly mrSeam: string
    readonly mrSignerSeam: string
    readonly mrConfigId: string
    readonly mrOwner: string
    readonly mrOwnerConfig: string
    /** TD 1.5 only. */
    readonly mrServiceTd?: string
    readonly teeTcbSvn: string
    /** TD 1.5 only. */
    readonly teeTcbSvn2?: string
    readonly tdAttributes: TdAttributes
    readonly xfam: string
    /** Absent for a TDX module of version 0, which is judged with the platform. */
    readonly tdxModule?: {
      readonly id: string
      readonly isvSvn: number
      readonly tcbStatus: ComponentStatus
      /** When its level was set. */
      readonly tcbDate: string
      readonly advisoryIds: readonly string[]
    }
  }

/**
 * The one digest that names what a TD runs: SHA-256 of a domain, MRTD and RTMR0-3 (48 bytes each),
 * in hexadecimal. Everything that the runtime is made of stands in one of them.
 */
export async function tdxMeasurement(report: {
  readonly mrtd: Bytes
  readonly rtmrs: readonly [Bytes, Bytes, Bytes, Bytes]
}): Promise<string> {
  return await measurementOf('tdx', report.mrtd, ...report.rtmrs)
}

/** What a quote says, once its signatures hold. */
export async function readTdxClaims(
  quote: TdxQuote,
  pck: PckChain | undefined,
  vouched: Vouched<TdxTcbInfo>,
): Promise<TdxClaims> {
  const { report } = quote
  const tdAttributes = parseTdAttributes(report.tdAttributes, encodeHex(report.tdAttributes))
  const [rtmr0, rtmr1, rtmr2, rtmr3] = report.rtmrs
  return {
    tee: 'tdx',
    format: `intel-dcap-quote-v${quote.header.version}-tdx`,
    anchor: vouched.anchor,
    productLine: pck?.platform.fmspc ?? unknownLine,
    revocation: 'not-checked',
    endorsement: pck === undefined ? 'supplied' : 'pinned',
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
    ...readQuotingClaims(quote.header.userData, quote),
    ...(pck && (await readPckClaims(pck.platform))),
  }
}

/** Adds to a quote's claims what Intel's collateral says about its machine. */
export function addTcbClaims(
  claims: TdxClaims,
  tcb: TdxTcb,
  collateral: VerifiedCollateral,
): TdxClaims {
  return {
    ...claims,
    ...readTcbClaims(tcb, collateral),
    ...(tcb.module && { tdxModule: tcb.module }),
  }
}
