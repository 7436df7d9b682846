import { canonicalJson, encodeHex, encodeUtf8, type Json } from '@cloister/codec'
import { sha256 } from '#crypto'
import type { TcbStatus } from './dcap/tcb-status.ts'

/**
 * What somebody wants of evidence, besides that it is authentic.
 *
 * Every member is there: absent never means "do not check". What is unsafe has to be spelled out,
 * and a revoked TCB, a debugged module or unnamed attributes can't be allowed at all.
 */
export type Policy = {
  /** Accepted measurements, as {@link tdxMeasurement} writes them. */
  readonly measurements: readonly string[] | 'any'
  /** The 64 bytes that the TEE has to have signed, in hexadecimal, or `any`. */
  readonly reportData: string
  /** Accepted machines, by machine id. */
  readonly machineIds: readonly string[] | 'any'
  /** Accepted TCB statuses. */
  readonly tcbStatuses: readonly Exclude<TcbStatus, 'Revoked'>[]
  /** Advisories that a platform may be subject to. */
  readonly advisories: readonly string[] | 'any'
  /** How long after its TCB date an out-of-date platform is still accepted. */
  readonly graceSeconds: number
  /** The least TCB evaluation data number of TCB info and QE identity. */
  readonly minTcbEvaluationDataNumber: number
  /** The least CRL number of the root's revocation list. */
  readonly minRootCrlNumber: number
  /** The least CRL number of the PCK authority's revocation list. */
  readonly minPckCrlNumber: number
  /** A TD whose memory its host can read. */
  readonly allowDebug: boolean
  /** A TD that may be migrated to another machine. */
  readonly allowMigratable: boolean
  /** A TD that a service TD is bound to. */
  readonly allowServiceTd: boolean
  /** A TD whose host may inject page faults that its kernel is not told of. */
  readonly allowSeptVeEnabled: boolean
  /** A TD that uses supervisor protection keys. */
  readonly allowPks: boolean
  /** A TD that uses Key Locker. */
  readonly allowKeyLocker: boolean
  /** A TD that uses performance counters. */
  readonly allowPerfmon: boolean
}

/** What nobody else can know: who writes a policy says it, or spells `'any'` or 0. */
type Spelled =
  | 'measurements'
  | 'reportData'
  | 'machineIds'
  | 'minTcbEvaluationDataNumber'
  | 'minRootCrlNumber'
  | 'minPckCrlNumber'

/** The strictest policy about everything that is not spelled in `overrides`. */
export function strictPolicy(
  overrides: Pick<Policy, Spelled> & Partial<Omit<Policy, Spelled>>,
): Policy {
  return {
    tcbStatuses: ['UpToDate'],
    advisories: [],
    graceSeconds: 0,
    allowDebug: false,
    allowMigratable: false,
    allowServiceTd: false,
    allowSeptVeEnabled: false,
    allowPks: false,
    allowKeyLocker: false,
    allowPerfmon: false,
    ...overrides,
  }
}

/** SHA-256 of a policy as canonical JSON (RFC 8785), its lists sorted, in hexadecimal. */
export async function policyDigest(policy: Policy): Promise<string> {
  const members = Object.entries(policy).map(([key, value]): [string, Json] => [
    key,
    typeof value === 'object' ? sortedTexts(value) : value,
  ])
  return encodeHex(await sha256(encodeUtf8(canonicalJson(Object.fromEntries(members)))))
}

function sortedTexts(texts: readonly string[]): readonly string[] {
  return texts.toSorted((a, b) => (a < b ? -1 : 1))
}
