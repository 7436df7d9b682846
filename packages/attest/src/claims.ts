import type { ComponentStatus, TcbStatus } from './dcap/tcb-status.ts'
import type { TdAttributes } from './tdx/attributes.ts'

/**
 * What authentic evidence says, and what its vendor says about the machine. Bytes are lower-case
 * hexadecimal. The second half is there only where collateral was given.
 */
export type Claims = {
  readonly tee: 'tdx'
  /** Which anchor the evidence chains to: a vendor root's name, or `insecure-devnet:` and its key. */
  readonly anchor: string
  readonly quoteVersion: 4 | 5
  readonly tdVersion: '1.0' | '1.5'
  /** One digest of MRTD and RTMR0-3: what runs. */
  readonly measurement: string
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
  readonly reportData: string
  readonly tdAttributes: TdAttributes
  readonly debug: boolean
  readonly xfam: string
  readonly quoteUserData: string
  /** Names one chip for ever. */
  readonly machineId: string
  readonly ppid: string
  readonly fmspc: string
  readonly pceId: string
  readonly cpuSvn: string
  readonly pceSvn: number
  /** What a multi-package platform says about itself. */
  readonly platformConfiguration?: Readonly<Record<string, boolean>>
  readonly qe: {
    readonly mrEnclave: string
    readonly mrSigner: string
    readonly isvProdId: number
    readonly isvSvn: number
  }

  /** Platform, module and quoting enclave together. */
  readonly tcbStatus?: TcbStatus
  readonly platformTcbStatus?: TcbStatus
  readonly sgxTcbStatus?: TcbStatus
  readonly qeTcbStatus?: ComponentStatus
  /** Absent for a TDX module of version 0, which is judged with the platform. */
  readonly tdxModule?: {
    readonly id: string
    readonly isvSvn: number
    readonly tcbStatus: ComponentStatus
    readonly advisoryIds: readonly string[]
  }
  /** When the TCB level was set. */
  readonly tcbDate?: string
  readonly advisoryIds?: readonly string[]
  readonly tcbEvaluationDataNumber?: number
  readonly qeIdentityEvaluationDataNumber?: number
  readonly rootCrlNumber?: number
  readonly pckCrlNumber?: number
}
