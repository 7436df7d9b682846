import { refuseUnless } from '../reject.ts'
import type { SgxExtension } from './sgx-extension.ts'
import type { SgxTcbLevel, TcbInfo } from './tcb-info.ts'

/**
 * Refuses TCB info of another family of platforms.
 *
 * Spec: Intel SGX and TDX quote verification library, 4.1.2.4.10.
 *
 * @throws {Refusal} TCB_INFO_MISMATCH, saying which field and both values.
 */
export function matchPlatform(pck: SgxExtension, info: TcbInfo): void {
  refuseUnless(
    pck.fmspc === info.fmspc,
    'TCB_INFO_MISMATCH',
    () => `FMSPC: PCK has ${pck.fmspc}, TCB info ${info.fmspc}`,
  )
  refuseUnless(
    pck.pceId === info.pceId,
    'TCB_INFO_MISMATCH',
    () => `PCE id: PCK has ${pck.pceId}, TCB info ${info.pceId}`,
  )
}

/** Whether every SGX component of the PCK certificate, and its PCE, reach the level. Spec: 4.1.2.4.17.1. */
export function reachesSgx(pck: SgxExtension, level: SgxTcbLevel): boolean {
  return (
    level.sgxSvns.every((svn, index) => (pck.svns[index] ?? 0) >= svn) && pck.pceSvn >= level.pceSvn
  )
}
