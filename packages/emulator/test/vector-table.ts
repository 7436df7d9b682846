// What is asked of the emulator, and what Intel's algorithm and a strict policy say of it. Written
// out by hand from the levels that the emulator's documents describe; nothing here is computed.
import type { PlatformOptions, QuoteRequest } from '../src/index.ts'

/** What an appraisal of a vector has to conclude. */
export type Expected =
  | {
      readonly authentic: true
      readonly tcbStatus: string
      readonly platformTcbStatus: string
      readonly qeTcbStatus: string
      readonly moduleTcbStatus: string
      readonly advisoryIds: readonly string[]
      readonly debug: boolean
      /** Codes of the reasons that the strictest policy has against it. */
      readonly reasons: readonly string[]
    }
  | { readonly authentic: false; readonly reject: string }

/** One request and its outcome. */
export type Vector = {
  readonly name: string
  readonly platform: Omit<PlatformOptions, 'machineSeed'>
  readonly request: Partial<QuoteRequest>
  /** Seconds after the collateral's issue; 60 unless the vector is about time. */
  readonly verifyAfter?: number
  readonly expected: Expected
}

const day = 86_400

/** All vectors. */
export const vectors: readonly Vector[] = [
  accepted('up-to-date', 'UpToDate', []),
  { ...accepted('up-to-date-v5', 'UpToDate', []), request: { version: 5 } },
  accepted('configuration-needed', 'ConfigurationNeeded', ['EMULATED-SA-00002']),
  accepted('sw-hardening-needed', 'SWHardeningNeeded', ['EMULATED-SA-00001']),
  accepted('configuration-and-sw-hardening-needed', 'ConfigurationAndSWHardeningNeeded', [
    'EMULATED-SA-00001',
    'EMULATED-SA-00002',
  ]),
  accepted('out-of-date', 'OutOfDate', ['EMULATED-SA-00003']),
  accepted('out-of-date-configuration-needed', 'OutOfDateConfigurationNeeded', [
    'EMULATED-SA-00002',
    'EMULATED-SA-00003',
  ]),
  {
    name: 'revoked-level',
    platform: { tcb: 'Revoked' },
    request: {},
    expected: {
      ...outcome('Revoked', ['EMULATED-SA-00004']),
      reasons: ['TCB_STATUS', 'SGX_TCB_REVOKED', 'ADVISORY'],
    },
  },
  {
    name: 'module-out-of-date',
    platform: { module: 'OutOfDate' },
    request: {},
    expected: {
      ...outcome('OutOfDate', ['EMULATED-SA-00005']),
      platformTcbStatus: 'UpToDate',
      moduleTcbStatus: 'OutOfDate',
    },
  },
  {
    name: 'module-updated-since-start-v5',
    platform: { module: 'OutOfDate' },
    request: { version: 5, moduleUpdatedSince: true },
    expected: {
      ...outcome('TDRelaunchAdvised', ['EMULATED-SA-00005']),
      platformTcbStatus: 'UpToDate',
      moduleTcbStatus: 'OutOfDate',
    },
  },
  {
    name: 'quoting-enclave-out-of-date',
    platform: { tcb: 'ConfigurationNeeded', quotingEnclave: 'OutOfDate' },
    request: {},
    expected: {
      ...outcome('OutOfDateConfigurationNeeded', ['EMULATED-SA-00002', 'EMULATED-SA-00005']),
      platformTcbStatus: 'ConfigurationNeeded',
      qeTcbStatus: 'OutOfDate',
    },
  },
  {
    name: 'quoting-enclave-revoked',
    platform: { quotingEnclave: 'Revoked' },
    request: {},
    expected: {
      ...outcome('Revoked', ['EMULATED-SA-00006']),
      platformTcbStatus: 'UpToDate',
      qeTcbStatus: 'Revoked',
    },
  },
  {
    name: 'debug',
    platform: {},
    request: { debug: true },
    expected: { ...outcome('UpToDate', []), debug: true, reasons: ['DEBUG'] },
  },
  {
    name: 'sept-ve-enabled',
    platform: {},
    request: { tdAttributes: 0n },
    expected: { ...outcome('UpToDate', []), reasons: ['SEPT_VE_ENABLED'] },
  },
  refused('below-every-level', { tcb: 'NotSupported' }, 'TCB_NOT_SUPPORTED'),
  refused('revoked-machine', { revoked: true }, 'CERT_REVOKED'),
  { ...accepted('last-second', 'UpToDate', []), verifyAfter: 30 * day },
  // The revocation lists end in the same second, and are looked at first.
  { ...refused('expired', {}, 'CRL_INVALID_OR_EXPIRED'), verifyAfter: 30 * day + 1 },
]

function accepted(
  name: string,
  tcb: 'UpToDate' | Exclude<PlatformOptions['tcb'], undefined>,
  advisoryIds: readonly string[],
): Vector {
  return { name, platform: { tcb }, request: {}, expected: outcome(tcb, advisoryIds) }
}

function refused(name: string, platform: Vector['platform'], reject: string): Vector {
  return { name, platform, request: {}, expected: { authentic: false, reject } }
}

function outcome(tcbStatus: string, advisoryIds: readonly string[]) {
  return {
    authentic: true,
    tcbStatus,
    platformTcbStatus: tcbStatus,
    qeTcbStatus: 'UpToDate',
    moduleTcbStatus: 'UpToDate',
    advisoryIds,
    debug: false,
    reasons: advisoryIds.length > 0 ? ['TCB_STATUS', 'ADVISORY'] : [],
  } as const
}
