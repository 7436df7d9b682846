import type { IntelTcb } from '../dcap/claims.ts'
import { matchPlatform, reachesSgx } from '../dcap/platform-level.ts'
import type { SgxExtension } from '../dcap/sgx-extension.ts'
import type { ComponentLevel, SgxTcbInfo } from '../dcap/tcb-info.ts'
import { convergeStatus } from '../dcap/tcb-status.ts'
import { Refusal } from '../reject.ts'

/**
 * Judges a platform's TCB: the highest level that it reaches, together with its quoting enclave's.
 *
 * Spec: Intel SGX and TDX quote verification library, 4.1.2.4.9, 10 and 17.
 *
 * @throws {Refusal} TCB_INFO_MISMATCH or TCB_NOT_SUPPORTED.
 */
export function judgeSgxTcb(
  pck: SgxExtension,
  info: SgxTcbInfo,
  qeLevel: ComponentLevel | undefined,
): IntelTcb {
  matchPlatform(pck, info)
  const level = info.levels.find((candidate) => reachesSgx(pck, candidate))
  if (level === undefined)
    throw new Refusal('TCB_NOT_SUPPORTED', 'no TCB level of the platform matches')
  if (qeLevel === undefined)
    throw new Refusal('TCB_NOT_SUPPORTED', 'no TCB level of the quoting enclave matches')
  return {
    tcbStatus: convergeStatus(level.status, qeLevel.status),
    platformTcbStatus: level.status,
    sgxTcbStatus: level.status,
    qeTcbStatus: qeLevel.status,
    date: level.date,
    qeDate: qeLevel.date,
    advisoryIds: [...new Set([...level.advisoryIds, ...qeLevel.advisoryIds])].toSorted(),
  }
}
