/** What Intel says about a trusted computing base. Spec: Intel SGX and TDX PCS API v4, TCB status. */
export type TcbStatus =
  | 'UpToDate'
  | 'SWHardeningNeeded'
  | 'ConfigurationNeeded'
  | 'ConfigurationAndSWHardeningNeeded'
  | 'OutOfDate'
  | 'OutOfDateConfigurationNeeded'
  | 'TDRelaunchAdvised'
  | 'TDRelaunchAdvisedConfigurationNeeded'
  | 'Revoked'

/** Statuses that a TCB level of a platform can have. The relaunch ones come from an appraisal only. */
export const platformStatuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const satisfies readonly TcbStatus[]

/** Statuses that a TCB level of an enclave or TDX module identity can have. */
export const componentStatuses = [
  'UpToDate',
  'OutOfDate',
  'Revoked',
] as const satisfies readonly TcbStatus[]

/** One of {@link componentStatuses}. */
export type ComponentStatus = (typeof componentStatuses)[number]

/**
 * The status of a platform together with that of its quoting enclave, or of its TDX module.
 *
 * Spec: Intel SGX and TDX quote verification library, sections 4.1.2.4.17.4.2 and 4.1.2.4.17.5.
 */
export function convergeStatus(platform: TcbStatus, component: ComponentStatus): TcbStatus {
  return component === 'UpToDate'
    ? platform
    : component === 'Revoked'
      ? 'Revoked'
      : outOfDate[platform]
}

/** What becomes of a platform's status when a component of it is out of date. */
const outOfDate: Readonly<Record<TcbStatus, TcbStatus>> = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
  OutOfDate: 'OutOfDate',
  OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  TDRelaunchAdvised: 'TDRelaunchAdvised',
  TDRelaunchAdvisedConfigurationNeeded: 'TDRelaunchAdvisedConfigurationNeeded',
  Revoked: 'Revoked',
}
