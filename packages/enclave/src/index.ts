export {
  configFileField,
  parseEnclaveConfig,
  type EnclaveConfig,
  type EnclaveConfigFile,
  type EvidenceConfig,
} from './config.ts'
export { BundleCache } from './bundle/bundle-cache.ts'
export { scanFolder, type ScannedBundle } from './bundle/scan-folder.ts'
export type { AppInputSource, AppResult, AppRuntime } from './drivers/driver.ts'
export { runLocally, type LocalRun } from './drivers/drivers.ts'
export { askEngine, type EnginePipes } from './engine/client.ts'
export type { EngineInput, EngineMessage } from './engine/messages.ts'
export {
  collectEvidence,
  type Collection,
  type CollectOptions,
} from './evidence-drivers/collect.ts'
export { collectErrorCodes, type CollectErrorCode } from './evidence-drivers/collect-error.ts'
export {
  createConfigfsTsmDriver,
  type ConfigfsTsmOptions,
} from './evidence-drivers/configfs-tsm.ts'
export { detectDrivers, type Detected, type DetectOptions } from './evidence-drivers/detect.ts'
export type { DeviceFile, DeviceFiles } from './evidence-drivers/device-files.ts'
export {
  driverNames,
  type Collected,
  type CollectRequest,
  type DriverName,
  type EvidenceDriver,
} from './evidence-drivers/driver.ts'
export { createDstackDriver } from './evidence-drivers/dstack.ts'
export { createGramineDriver, type GramineOptions } from './evidence-drivers/gramine.ts'
export { createNsmDriver } from './evidence-drivers/nsm.ts'
export { createNvattestDriver, type NvattestOptions } from './evidence-drivers/nvattest.ts'
export { createSevGuestDriver } from './evidence-drivers/sev-guest.ts'
export {
  azureTpm,
  createTpmDriver,
  googleTpm,
  persistTpmKey,
  type TpmOptions,
  type TpmSigner,
} from './evidence-drivers/tpm.ts'
export { onnxRuntime } from './engine/onnx-runtime.ts'
export { openEvidenceSource, type EvidenceSource } from './evidence-source.ts'
export { probeSandbox } from './sandbox/bubblewrap.ts'
export type { SandboxEnd, SandboxLimits } from './sandbox/limits.ts'
export { nodeProgram, type SandboxProgram } from './sandbox/program.ts'
export { runSandboxed, type Sandboxed } from './sandbox/run-sandboxed.ts'
export {
  createGramineSealing,
  createSevGuestSealing,
  createSnpSealing,
  type SealingDriver,
} from './sealing-driver.ts'
export { startEnclave, type EnclaveOptions, type RunningEnclave } from './start-enclave.ts'
