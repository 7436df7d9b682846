export {
  configFileField,
  parseEnclaveConfig,
  type EnclaveConfig,
  type EnclaveConfigFile,
} from './config.ts'
export { askEngine, type EnginePipes } from './engine/client.ts'
export type { EngineInput, EngineMessage } from './engine/messages.ts'
export { createGuestDriver, type GuestDriver } from './guest-driver.ts'
export { probeSandbox, type SandboxProgram } from './sandbox/bubblewrap.ts'
export type { SandboxEnd, SandboxLimits } from './sandbox/limits.ts'
export { runSandboxed, type Sandboxed } from './sandbox/run-sandboxed.ts'
export { startEnclave, type EnclaveOptions, type RunningEnclave } from './start-enclave.ts'
