// What is asked of the emulator's SGX machines, and what Intel's algorithm and a strict policy say of it. Written out
// by hand from the levels that the emulator's documents describe; nothing here is computed.
import type { EnclaveQuoteRequest, PlatformOptions } from '../src/index.ts'

/** What an appraisal of a vector has to conclude. */
export type SgxExpected =
  | {
      readonly authentic: true
      readonly tcbStatus: string
      readonly platformTcbStatus: string
      readonly qeTcbStatus: string
      readonly advisoryIds: readonly string[]
      readonly debug: boolean
      /** Codes of the reasons that the strictest policy has against it. */
      readonly reasons: readonly string[]
    }
  | { readonly authentic: false; readonly reject: string }

/** One request and its outcome. */
export type SgxVector = {
  readonly name: string
  readonly platform: Omit<PlatformOptions, 'machineSeed'>
  readonly request: Partial<EnclaveQuoteRequest>
  /** Seconds after the collateral's issue; 60 unless the vector is about time. */
  readonly verifyAfter?: number
  readonly expected: SgxExpected
}

const day = 86_400
const sound = outcome('UpToDate', [])

/** All vectors. */
export const sgxVectors: readonly SgxVector[] = [
  vector('up-to-date-v3', {}, {}, sound),
  vector('up-to-date-v4', {}, { version: 4 }, sound),
  vector('up-to-date-v5', {}, { version: 5 }, sound),
  vector('processor-ca', { ca: 'processor' }, {}, sound),
  ...(
    [
      ['ConfigurationNeeded', ['EMULATED-SA-00002']],
      ['SWHardeningNeeded', ['EMULATED-SA-00001']],
      ['ConfigurationAndSWHardeningNeeded', ['EMULATED-SA-00001', 'EMULATED-SA-00002']],
      ['OutOfDate', ['EMULATED-SA-00003']],
      ['OutOfDateConfigurationNeeded', ['EMULATED-SA-00002', 'EMULATED-SA-00003']],
    ] as const
  ).map(([tcb, advisories]) => vector(tcb, { tcb }, {}, outcome(tcb, advisories))),
  vector(
    'revoked-level',
    { tcb: 'Revoked' },
    {},
    {
      ...outcome('Revoked', ['EMULATED-SA-00004']),
      reasons: ['TCB_STATUS', 'SGX_TCB_REVOKED', 'ADVISORY'],
    },
  ),
  vector(
    'quoting-enclave-out-of-date',
    { tcb: 'SWHardeningNeeded', quotingEnclave: 'OutOfDate' },
    {},
    {
      ...outcome('OutOfDate', ['EMULATED-SA-00001', 'EMULATED-SA-00005']),
      platformTcbStatus: 'SWHardeningNeeded',
      qeTcbStatus: 'OutOfDate',
    },
  ),
  vector(
    'quoting-enclave-revoked',
    { quotingEnclave: 'Revoked' },
    {},
    {
      ...outcome('Revoked', ['EMULATED-SA-00006']),
      platformTcbStatus: 'UpToDate',
      qeTcbStatus: 'Revoked',
    },
  ),
  vector('debug', {}, { debug: true }, { ...sound, debug: true, reasons: ['DEBUG'] }),
  vector('provision-key', {}, { attributes: 0x15n }, { ...sound, reasons: ['PROVISION_KEY'] }),
  vector(
    'reserved-attribute',
    {},
    { attributes: 0x05n | (1n << 40n) },
    { ...sound, reasons: ['RESERVED_ATTRIBUTES'] },
  ),
  vector(
    'configured',
    {},
    { configId: new Uint8Array(64).fill(1), attributes: 0x85n },
    { ...sound, reasons: ['CONFIG_ID'] },
  ),
  vector('below-every-level', { tcb: 'NotSupported' }, {}, refused('TCB_NOT_SUPPORTED')),
  vector('revoked-machine', { revoked: true }, {}, refused('CERT_REVOKED')),
  vector('platform-named-only', {}, { certificationType: 3 }, refused('PCK_CERT_UNAVAILABLE')),
  { ...vector('last-second', {}, {}, sound), verifyAfter: 30 * day },
  // The revocation lists end in the same second, and are looked at first.
  {
    ...vector('expired', {}, {}, refused('CRL_INVALID_OR_EXPIRED')),
    verifyAfter: 30 * day + 1,
  },
]

function vector(
  name: string,
  platform: SgxVector['platform'],
  request: SgxVector['request'],
  expected: SgxExpected,
): SgxVector {
  return { name, platform, request, expected }
}

function refused(reject: string): SgxExpected {
  return { authentic: false, reject }
}

function outcome(tcbStatus: string, advisoryIds: readonly string[]) {
  return {
    authentic: true,
    tcbStatus,
    platformTcbStatus: tcbStatus,
    qeTcbStatus: 'UpToDate',
    advisoryIds,
    debug: false,
    reasons: advisoryIds.length > 0 ? ['TCB_STATUS', 'ADVISORY'] : [],
  } as const
}
