export { collateralLifetimeSeconds, emulatorFmspc, type CollateralOptions } from './collateral.ts'
export { serveCollateral, type CollateralService } from './collateral-service.ts'
export { replay, type TdEvent } from './event-log.ts'
export { serveGuestSocket, type GuestSocket } from './guest-socket.ts'
export {
  launchTd,
  prepareTd,
  removeTd,
  type PreparedTd,
  type PrepareOptions,
  type RunningTd,
} from './launch.ts'
export {
  createManufacturer,
  type Manufacturer,
  type Platform,
  type PlatformOptions,
} from './manufacturer.ts'
export { measureTd, type TdMeasurement } from './measurement.ts'
export type { QuoteRequest, TdRegisters } from './quote.ts'
export type { PlatformStatus } from './tcb-levels.ts'
export type { TdFile, TdImage } from './td-image.ts'
export type { StartOptions } from './td-process.ts'
