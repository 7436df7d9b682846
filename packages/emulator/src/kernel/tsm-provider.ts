import type { Bytes } from '@cloister/codec'
import { KernelError } from './pseudo-files.ts'

/** What a folder's files were set to when a report is made. */
export type TsmRequest = { readonly inblob: Bytes; readonly privilegeLevel: number }

/** What a platform's driver puts together. */
export type TsmBlobs = { readonly outblob: Bytes; readonly auxblob?: Bytes }

/** A platform's driver, as it registers itself with the kernel. */
export type TsmProvider = {
  readonly name: string
  /** Files that every folder has beside `generation`, `provider`, `inblob` and `outblob`. */
  readonly extraFiles: readonly string[]
  readonly privilegeLevelFloor: number
  /** Makes a report. @throws {KernelError} as the driver does. */
  readonly report: (request: TsmRequest) => TsmBlobs
}

const snpFiles = [
  'auxblob',
  'manifestblob',
  'privlevel',
  'privlevel_floor',
  'service_provider',
  'service_guid',
  'service_manifest_version',
]

/** TDX: a quote over exactly 64 bytes. Spec: Linux drivers/virt/coco/tdx-guest. */
export function tdxProvider(quote: (reportData: Bytes) => Bytes): TsmProvider {
  return {
    name: 'tdx_guest',
    extraFiles: [],
    privilegeLevelFloor: 0,
    report: ({ inblob }) => {
      if (inblob.length !== 64) throw new KernelError('EINVAL')
      return { outblob: quote(inblob) }
    },
  }
}

/** SNP: a report over exactly 64 bytes, and what certificates the host has. Spec: Linux drivers/virt/coco/sev-guest. */
export function snpProvider(
  report: (request: TsmRequest) => TsmBlobs,
  privilegeLevelFloor: number = 0,
): TsmProvider {
  return {
    name: 'sev_guest',
    extraFiles: snpFiles,
    privilegeLevelFloor,
    report: (request) => {
      if (request.inblob.length !== 64) throw new KernelError('EINVAL')
      return report(request)
    },
  }
}

/** CCA: a token over 32 to 64 bytes. It hides none of the files it has no use for. Spec: Linux drivers/virt/coco/arm-cca-guest. */
export function ccaProvider(token: (challenge: Bytes) => Bytes): TsmProvider {
  return {
    name: 'arm_cca_guest',
    extraFiles: snpFiles,
    privilegeLevelFloor: 0,
    report: ({ inblob }) => {
      if (inblob.length < 32 || inblob.length > 64) throw new KernelError('EINVAL')
      return { outblob: token(inblob) }
    },
  }
}
