import { nitroMeasurement, snpMeasurement } from '@cloister/attest'
import { assert, concatBytes, encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import { checkImage, configName, manifestText, type GuestImage } from './guest-image.ts'
import type { GuestTee } from './machine.ts'
import { hashFile, measureManifest, type TdMeasurement } from './measurement.ts'
import { sha384 } from './signing-key.ts'
import { snpLaunchDigest } from './snp/launch-digest.ts'
import { firmwareText } from './virtual-firmware.ts'

/** What an SNP guest's reports say once it was launched. */
export type SnpGuestMeasurement = {
  readonly tee: 'sev-snp'
  /** The one digest of both below that grants and policies name, hexadecimal. */
  readonly measurement: string
  readonly manifest: string
  /** 48 bytes: firmware, kernel and every file of the image, page by page. */
  readonly launchDigest: Bytes
  /** 32 bytes, which the host gives at launch: SHA-256 of the configuration. */
  readonly hostData: Bytes
}

/** What a Nitro enclave's documents say once it was started. */
export type NitroGuestMeasurement = {
  readonly tee: 'aws-nitro'
  /** The one digest of PCR0 to PCR2 that grants and policies name, hexadecimal. */
  readonly measurement: string
  readonly manifest: string
  /** 0: the whole image; 1: kernel and boot; 2: the application. 48 bytes each. */
  readonly pcrs: ReadonlyMap<number, Bytes>
}

/** What evidence of a guest says of what runs in it, by the kind of its machine. */
export type GuestMeasurement =
  | ({ readonly tee: 'tdx' } & TdMeasurement)
  | SnpGuestMeasurement
  | NitroGuestMeasurement

/**
 * Measures a guest image without running it: what `launchGuest` of equal files on such a machine will report.
 *
 * @throws {OperationError} `guest-image` on a bad name, `guest-file` on a file that can't be read.
 */
export async function measureGuest(image: GuestImage, tee: GuestTee): Promise<GuestMeasurement> {
  checkImage(image)
  const digests = new Map<string, Bytes>()
  for (const { name, path } of image.files) digests.set(name, await hashFile(path))
  return measureOn(tee, manifestText(image, digests))
}

/** What a machine of this kind reports of a guest with this manifest. */
export async function measureOn(tee: GuestTee, manifest: string): Promise<GuestMeasurement> {
  switch (tee) {
    case 'tdx':
      return { tee, ...(await measureManifest(manifest)) }
    case 'sev-snp':
      return measureSnp(manifest)
    case 'aws-nitro':
    default:
      return measureNitro(manifest)
  }
}

async function measureSnp(manifest: string): Promise<SnpGuestMeasurement> {
  const launchDigest = snpLaunchDigest(concatBytes(...bootParts, encodeUtf8(manifest)))
  const hostData = configDigest(manifest)
  const measurement = await snpMeasurement({ measurement: launchDigest, hostData })
  return { tee: 'sev-snp', measurement, manifest, launchDigest, hostData }
}

async function measureNitro(manifest: string): Promise<NitroGuestMeasurement> {
  const application = encodeUtf8(manifest)
  const images = [
    pcrOf(concatBytes(...bootParts, application)),
    pcrOf(concatBytes(...bootParts)),
    pcrOf(application),
  ]
  return {
    tee: 'aws-nitro',
    measurement: await nitroMeasurement(images),
    manifest,
    pcrs: new Map(images.map((value, index) => [index, value])),
  }
}

/** Firmware, kernel and command line of every guest; the manifest stands for the file system. */
const bootParts = ['boot firmware', 'kernel', 'command line'].map(firmwareText)

/** A PCR that was extended once. Spec: AWS Nitro Enclaves user guide, "Where to get an enclave's measurements". */
function pcrOf(content: Bytes): Bytes {
  return sha384(new Uint8Array(48), sha384(content))
}

/** The manifest holds the digest of each file, the configuration's too. */
function configDigest(manifest: string): Bytes {
  const line = manifest.split('\n').find((each) => each.slice(65) === configName)
  assert(line !== undefined, 'every guest has a configuration')
  return parseHex(line.slice(0, 64), 'digest')
}
