import type { ComponentStatus, TcbStatus } from '@cloister/attest'

/** A status that a TCB level can have. The relaunch ones come from how a TD was started. */
export type PlatformStatus = Exclude<
  TcbStatus,
  'TDRelaunchAdvised' | 'TDRelaunchAdvisedConfigurationNeeded'
>

/** The security version numbers of one machine, which select its status by real level matching. */
export type PlatformSvns = {
  /** 16 SGX components, certified in the PCK certificate. */
  readonly components: readonly number[]
  readonly pceSvn: number
  /** 16 bytes of the TD report: TDX module SVN, its major version, microcode. */
  readonly teeTcbSvn: readonly number[]
}

/** A TCB level of TCB info, best first. */
export type TcbLevel = {
  readonly status: PlatformStatus
  readonly date: string
  readonly advisories: readonly string[]
  readonly components: readonly number[]
  readonly pceSvn: number
  readonly tdxComponents: readonly number[]
}

/** What becomes of a level in a TCB recovery. */
const demoted: Readonly<Partial<Record<PlatformStatus, PlatformStatus>>> = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
}

type Svns = Readonly<Record<ComponentStatus, number>>

/** SVN of the current TDX module, of an outdated and of a revoked one. */
export const moduleSvns = { UpToDate: 5, OutOfDate: 4, Revoked: 1 } as const satisfies Svns

/** ISVSVN of the current TD quoting enclave, of an outdated and of a revoked one. */
export const quotingEnclaveSvns = { UpToDate: 4, OutOfDate: 3, Revoked: 1 } as const satisfies Svns

/**
 * The levels of the emulator's only processor family. Microcode decides hardening and age, the BIOS
 * component whether configuration is needed, as on real platforms.
 */
export const tcbLevels: readonly TcbLevel[] = [
  level('UpToDate', 8, 1, '2026-02-11T00:00:00Z', []),
  level('ConfigurationNeeded', 8, 0, '2026-02-11T00:00:00Z', ['EMULATED-SA-00002']),
  level('SWHardeningNeeded', 7, 1, '2026-02-11T00:00:00Z', ['EMULATED-SA-00001']),
  level('ConfigurationAndSWHardeningNeeded', 7, 0, '2026-02-11T00:00:00Z', [
    'EMULATED-SA-00001',
    'EMULATED-SA-00002',
  ]),
  level('OutOfDate', 6, 1, '2025-02-12T00:00:00Z', ['EMULATED-SA-00003']),
  level('OutOfDateConfigurationNeeded', 6, 0, '2025-02-12T00:00:00Z', [
    'EMULATED-SA-00002',
    'EMULATED-SA-00003',
  ]),
  level('Revoked', 4, 0, '2023-02-15T00:00:00Z', ['EMULATED-SA-00004']),
]

/**
 * The levels after a TCB recovery: newer microcode is called for, and machines without it are out of date by a new
 * advisory.
 */
export const recoveredLevels: readonly TcbLevel[] = [
  level('UpToDate', 9, 1, '2026-08-12T00:00:00Z', []),
  level('ConfigurationNeeded', 9, 0, '2026-08-12T00:00:00Z', ['EMULATED-SA-00002']),
  ...tcbLevels.map((known) => {
    const status = demoted[known.status]
    return status === undefined
      ? known
      : { ...known, status, advisories: [...known.advisories, 'EMULATED-SA-00007'] }
  }),
]

/** The SVNs of a machine whose status is `tcb`; 'NotSupported' stands below every level. */
export function platformSvns(
  tcb: PlatformStatus | 'NotSupported',
  module: ComponentStatus,
): PlatformSvns {
  const found = tcbLevels.find((candidate) => candidate.status === tcb)
  const { components, pceSvn } = found ?? level('Revoked', 2, 0, '', [])
  const teeTcbSvn = [moduleSvns[module], 1, components[1] ?? 0, ...zeros(13)]
  return { components, pceSvn, teeTcbSvn }
}

function level(
  status: PlatformStatus,
  microcode: number,
  biosConfiguration: number,
  date: string,
  advisories: readonly string[],
): TcbLevel {
  const module = microcode >= 7 ? moduleSvns.UpToDate : 3
  return {
    status,
    date,
    advisories,
    components: [microcode, microcode, 2, 2, 3, biosConfiguration, 0, 3, ...zeros(8)],
    pceSvn: 13,
    tdxComponents: [Math.min(module, microcode), 0, microcode, ...zeros(13)],
  }
}

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0)
}
