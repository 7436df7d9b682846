import { encodeHex, parseHex, type Bytes } from '@cloister/codec'
import { machineIdOf } from '../identity.ts'
import type { VerifiedCollateral } from './collateral.ts'
import type { QuoteSignatures } from './quote.ts'
import type { SgxExtension } from './sgx-extension.ts'
import type { ComponentStatus, TcbStatus } from './tcb-status.ts'

/** What a PCK certificate says about the machine below a quote. */
export type IntelPckClaims = {
  readonly machineId: string
  readonly ppid: string
  readonly fmspc: string
  readonly pceId: string
  readonly cpuSvn: string
  readonly pceSvn: number
  /** What a multi-package platform says about itself. */
  readonly platformConfiguration?: Readonly<Record<string, boolean>>
}

/** What a quote and its quoting enclave say of themselves. */
export type IntelQuotingClaims = {
  readonly quoteUserData: string
  readonly qe: {
    readonly mrEnclave: string
    readonly mrSigner: string
    readonly isvProdId: number
    readonly isvSvn: number
  }
}

/** How claims name a line of products that nothing at hand tells. */
export const unknownLine = 'unknown'

/** What Intel's collateral says about that machine. Present only where collateral was given. */
export type IntelTcbClaims = {
  /** Platform, quoting enclave and (TDX) module together. */
  readonly tcbStatus?: TcbStatus
  readonly platformTcbStatus?: TcbStatus
  /** The SGX part of a TDX platform; of an SGX platform, all of it. */
  readonly sgxTcbStatus?: TcbStatus
  readonly qeTcbStatus?: ComponentStatus
  /** When the platform's TCB level was set, and that of its quoting enclave. */
  readonly tcbDate?: string
  readonly qeTcbDate?: string
  readonly advisoryIds?: readonly string[]
  readonly tcbEvaluationDataNumber?: number
  readonly qeIdentityEvaluationDataNumber?: number
  readonly rootCrlNumber?: number
  readonly pckCrlNumber?: number
}

/** What Intel's algorithm says about a machine, whichever its technology. */
export type IntelTcb = {
  /** All parts together. */
  readonly tcbStatus: TcbStatus
  readonly platformTcbStatus: TcbStatus
  readonly sgxTcbStatus: TcbStatus
  readonly qeTcbStatus: ComponentStatus
  /** Of the platform's level, and of the quoting enclave's. */
  readonly date: string
  readonly qeDate: string
  /** Of platform, modules and quoting enclave, sorted, each once. */
  readonly advisoryIds: readonly string[]
}

/** The machine id of an Intel platform: SHA-256 of a domain and its PPID (16 bytes), in hexadecimal. */
export async function intelMachineId(ppid: Bytes): Promise<string> {
  return await machineIdOf('intel', ppid)
}

const machineIds = new WeakMap<SgxExtension, string>()

/** The machine id of a PCK certificate's platform, computed once. */
async function knownMachineId(pck: SgxExtension): Promise<string> {
  const known = machineIds.get(pck)
  if (known !== undefined) return known
  const machineId = await intelMachineId(parseHex(pck.ppid))
  machineIds.set(pck, machineId)
  return machineId
}

/** What a PCK certificate says, once its chain holds. */
export async function readPckClaims(pck: SgxExtension): Promise<IntelPckClaims> {
  return {
    machineId: await knownMachineId(pck),
    ppid: pck.ppid,
    fmspc: pck.fmspc,
    pceId: pck.pceId,
    cpuSvn: pck.cpuSvn,
    pceSvn: pck.pceSvn,
    ...(pck.configuration && { platformConfiguration: pck.configuration }),
  }
}

/** What stands in a quote's header and in the report of its quoting enclave. */
export function readQuotingClaims(
  userData: Bytes,
  { qeReport }: QuoteSignatures,
): IntelQuotingClaims {
  return {
    quoteUserData: encodeHex(userData),
    qe: {
      mrEnclave: encodeHex(qeReport.mrEnclave),
      mrSigner: encodeHex(qeReport.mrSigner),
      isvProdId: qeReport.isvProdId,
      isvSvn: qeReport.isvSvn,
    },
  }
}

/** What Intel's collateral adds to a quote's claims. */
export function readTcbClaims(
  tcb: IntelTcb,
  collateral: VerifiedCollateral,
): Required<IntelTcbClaims> & { readonly revocation: 'good' } {
  return {
    revocation: 'good',
    tcbStatus: tcb.tcbStatus,
    platformTcbStatus: tcb.platformTcbStatus,
    sgxTcbStatus: tcb.sgxTcbStatus,
    qeTcbStatus: tcb.qeTcbStatus,
    tcbDate: tcb.date,
    qeTcbDate: tcb.qeDate,
    advisoryIds: tcb.advisoryIds,
    tcbEvaluationDataNumber: collateral.tcbInfo.evaluationDataNumber,
    qeIdentityEvaluationDataNumber: collateral.qeIdentity.evaluationDataNumber,
    rootCrlNumber: collateral.rootCrlNumber,
    pckCrlNumber: collateral.pckCrlNumber,
  }
}
