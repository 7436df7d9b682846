export { hostConfigField, readHostConfig, type HostConfig } from './config.ts'
export { faultNames, faultsOf, noFaults, type FaultName, type Faults } from './faults.ts'
export { startHost, type Host, type HostOptions } from './host.ts'
export { type HostEnd } from './loops.ts'
