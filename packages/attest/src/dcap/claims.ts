import type { ComponentStatus, TcbStatus } from './tcb-status.ts'

/** What a PCK certificate and a quoting enclave say about the machine below a quote. */
export type IntelPlatformClaims = {
  readonly machineId: string
  readonly ppid: string
  readonly fmspc: string
  readonly pceId: string
  readonly cpuSvn: string
  readonly pceSvn: number
  /** What a multi-package platform says about itself. */
  readonly platformConfiguration?: Readonly<Record<string, boolean>>
  readonly quoteUserData: string
  readonly qe: {
    readonly mrEnclave: string
    readonly mrSigner: string
    readonly isvProdId: number
    readonly isvSvn: number
  }
}

/** What Intel's collateral says about that machine. Present only where collateral was given. */
export type IntelTcbClaims = {
  /** Platform, quoting enclave and (TDX) module together. */
  readonly tcbStatus?: TcbStatus
  readonly platformTcbStatus?: TcbStatus
  /** The SGX part of a TDX platform. */
  readonly sgxTcbStatus?: TcbStatus
  readonly qeTcbStatus?: ComponentStatus
  /** When the TCB level was set. */
  readonly tcbDate?: string
  readonly advisoryIds?: readonly string[]
  readonly tcbEvaluationDataNumber?: number
  readonly qeIdentityEvaluationDataNumber?: number
  readonly rootCrlNumber?: number
  readonly pckCrlNumber?: number
}
