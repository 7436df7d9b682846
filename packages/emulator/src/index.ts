export { createCcaPlatform, type CcaPlatform, type CcaTokenRequest } from './arm/cca.ts'
export type { ArmDeviceOptions, ArmSoftware } from './arm/device.ts'
export {
  createPsaDevice,
  type PsaDevice,
  type PsaTokenProfile,
  type PsaTokenRequest,
} from './arm/psa.ts'
export type { AuthorityRole } from './authority.ts'
export type { Validity } from './certificate.ts'
export {
  collateralLifetimeSeconds,
  type CollateralOptions,
  type CollateralPart,
  type SignedDocument,
} from './collateral.ts'
export { serveCollateral, type CollateralService } from './collateral-service.ts'
export { replay, type TdEvent } from './event-log.ts'
export { serveGuestSocket, type GuestSocket } from './guest-socket.ts'
export { mountFuse, type FuseMount } from './kernel/fuse-mount.ts'
export { GramineFiles, type GramineOptions } from './kernel/gramine-files.ts'
export {
  KernelError,
  type PseudoFile,
  type PseudoFiles,
  type PseudoNode,
} from './kernel/pseudo-files.ts'
export {
  ccaProvider,
  snpProvider,
  tdxProvider,
  type TsmBlobs,
  type TsmProvider,
  type TsmRequest,
} from './kernel/tsm-provider.ts'
export { TsmReports, type TsmReportsOptions } from './kernel/tsm-reports.ts'
export {
  launchGuest,
  prepareGuest,
  removeGuest,
  type PreparedGuest,
  type PrepareOptions,
  type RunningGuest,
} from './launch.ts'
export { createManufacturer, type Manufacturer } from './manufacturer.ts'
export {
  measureGuest,
  type GuestMeasurement,
  type NitroGuestMeasurement,
  type SnpGuestMeasurement,
} from './guest-measurement.ts'
export { serveEvidence, type GuestEvidence, type GuestTee, type Machine } from './machine.ts'
export { measureTd, type TdMeasurement } from './measurement.ts'
export type { Platform, PlatformNames, PlatformOptions } from './platform.ts'
export type { CertificationType, ForgedParts } from './quote-envelope.ts'
export {
  createNitroCloud,
  type DocumentRequest,
  type EnclaveOptions,
  type NitroCloud,
  type NitroEnclave,
} from './nitro/cloud.ts'
export type { NvidiaChip } from './nvidia/authority.ts'
export type { DeviceOptions, NvidiaDevice, ReportRequest } from './nvidia/device.ts'
export {
  createNvidiaManufacturer,
  ocspLifetimeSeconds,
  type NvidiaManufacturer,
  type OcspRequest,
  type RimRequest,
} from './nvidia/manufacturer.ts'
export type { OcspStatus } from './nvidia/ocsp.ts'
export { serveNvidia, type NvidiaServiceOptions, type NvidiaServices } from './nvidia/services.ts'
export type { QuoteRequest, TdRegisters } from './quote.ts'
export type { EnclaveQuoteRequest } from './sgx-quote.ts'
export { emulatorFmspc } from './tcb-documents.ts'
export type { PlatformStatus } from './tcb-levels.ts'
export type { GuestFile, GuestImage } from './guest-image.ts'
export type { StartOptions } from './guest-process.ts'
export { serveSnpKeys, type SnpKeyService, type SnpKeyServiceOptions } from './snp/key-service.ts'
export {
  createSnpManufacturer,
  snpListLifetimeSeconds,
  type SnpListOptions,
  type SnpManufacturer,
} from './snp/manufacturer.ts'
export type { SnpCertificateOptions, SnpPlatform, SnpPlatformOptions } from './snp/platform.ts'
export { signedReportBytes, type SnpReportRequest } from './snp/report.ts'
export type { AttestationKeyOptions, EmulatedKey, TpmKeyScheme } from './tpm/attestation-key.ts'
export { sampleBoot, type BootEvent } from './tpm/boot-log.ts'
export {
  bindToSnp,
  bindToTd,
  runtimeData,
  writeHclBlob,
  type HardwareBinding,
  type RuntimeOptions,
} from './tpm/paravisor.ts'
export type { Selection } from './tpm/quote.ts'
export {
  createTpmManufacturer,
  type EmulatedTpm,
  type TpmManufacturer,
  type TpmOptions,
  type TpmQuoteRequest,
} from './tpm/tpm.ts'
