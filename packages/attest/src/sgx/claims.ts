import { encodeHex, type Bytes } from '@cloister/codec'
import type { CommonClaims } from '../claims.ts'
import type { PckChain, Vouched } from '../dcap/authenticate.ts'
import {
  readPckClaims,
  readQuotingClaims,
  unknownLine,
  type IntelPckClaims,
  type IntelQuotingClaims,
  type IntelTcbClaims,
} from '../dcap/claims.ts'
import type { SgxTcbInfo } from '../dcap/tcb-info.ts'
import { measurementOf } from '../identity.ts'
import { parseEnclaveAttributes, type EnclaveAttributes } from './attributes.ts'
import type { SgxQuote } from './parse.ts'

/**
 * What an authentic SGX quote says. What its PCK certificate says of the machine is absent where no certificate was at
 * hand, and the status of the TCB where no collateral was given.
 */
export type SgxClaims = CommonClaims &
  Partial<IntelPckClaims> &
  IntelQuotingClaims &
  IntelTcbClaims & {
    readonly tee: 'sgx'
    readonly debug: boolean
    readonly quoteVersion: 3 | 4 | 5
    readonly mrEnclave: string
    readonly mrSigner: string
    readonly isvProdId: number
    readonly isvSvn: number
    readonly attributes: EnclaveAttributes
    /** Extended features that the enclave may use. */
    readonly xfrm: string
    readonly miscSelect: string
    /** The CPUSVN that the processor reported with the enclave; `cpuSvn` is the one that is certified. */
    readonly reportCpuSvn: string
    /** What whoever started the enclave configured. It is part of no measurement. */
    readonly configId: string
    readonly configSvn: number
    readonly isvExtProdId: string
    readonly isvFamilyId: string
  }

/** The one digest that names what an enclave runs: SHA-256 of a domain and MRENCLAVE (32 bytes), in hexadecimal. */
export async function sgxMeasurement(report: { readonly mrEnclave: Bytes }): Promise<string> {
  return await measurementOf('sgx', report.mrEnclave)
}

/** What a quote says, once its signatures hold. */
export async function readSgxClaims(
  quote: SgxQuote,
  pck: PckChain | undefined,
  vouched: Vouched<SgxTcbInfo>,
): Promise<SgxClaims> {
  const { report, header } = quote
  const attributes = parseEnclaveAttributes(report.attributes, encodeHex(report.attributes))
  return {
    tee: 'sgx',
    format: `intel-dcap-quote-v${header.version}-sgx`,
    anchor: vouched.anchor,
    productLine: pck?.platform.fmspc ?? unknownLine,
    revocation: 'not-checked',
    endorsement: pck === undefined ? 'supplied' : 'pinned',
    quoteVersion: header.version,
    measurement: await sgxMeasurement(report),
    mrEnclave: encodeHex(report.mrEnclave),
    mrSigner: encodeHex(report.mrSigner),
    isvProdId: report.isvProdId,
    isvSvn: report.isvSvn,
    attributes,
    debug: attributes.debug,
    xfrm: attributes.raw.slice(16),
    miscSelect: encodeHex(report.miscSelect),
    reportCpuSvn: encodeHex(report.cpuSvn),
    configId: encodeHex(report.configId),
    configSvn: report.configSvn,
    isvExtProdId: encodeHex(report.isvExtProdId),
    isvFamilyId: encodeHex(report.isvFamilyId),
    reportData: encodeHex(report.reportData),
    ...readQuotingClaims(header.userData, quote),
    ...(pck && (await readPckClaims(pck.platform))),
  }
}
