import { encodeHex, type Bytes } from '@cloister/codec'
import type { CommonClaims } from '../claims.ts'
import { measurementOf } from '../identity.ts'
import { imagePcrs, type NitroDocument } from './parse.ts'

/** What an authentic attestation document says. `reportData` is its user data, empty where it has none. */
export type NitroClaims = CommonClaims & {
  readonly tee: 'aws-nitro'
  readonly moduleId: string
  readonly digest: 'SHA384'
  /** When the hypervisor signed it, in milliseconds since 1970. */
  readonly timestampMilliseconds: number
  /**
   * Values by index. 0: image; 1: kernel and boot; 2: application; 3: role of the parent instance; 4: its id;
   * 8: the certificate that signed the image. All zero: not set.
   */
  readonly pcrs: Readonly<Record<string, string>>
  readonly userData?: string
  readonly nonce?: string
  readonly publicKey?: string
}

/** What a document says, once its signature holds. */
export async function readNitroClaims(
  document: NitroDocument,
  anchor: string,
): Promise<NitroClaims> {
  const { pcrs, userData, nonce, publicKey } = document
  const images = imagePcrs.map((index) => pcrs.get(index) ?? new Uint8Array(0))
  return {
    tee: 'aws-nitro',
    format: 'aws-nitro-attestation-document',
    anchor,
    productLine: 'nitro',
    measurement: await nitroMeasurement(images),
    reportData: encodeHex(userData ?? new Uint8Array(0)),
    // A hypervisor writes zeros for an enclave that was started with a console.
    debug: images.some((value) => value.every((byte) => byte === 0)),
    revocation: 'not-checked',
    endorsement: 'pinned',
    moduleId: document.moduleId,
    digest: document.digest,
    timestampMilliseconds: document.timestampMilliseconds,
    pcrs: Object.fromEntries([...pcrs].map(([index, value]) => [String(index), encodeHex(value)])),
    ...(userData && { userData: encodeHex(userData) }),
    ...(nonce && { nonce: encodeHex(nonce) }),
    ...(publicKey && { publicKey: encodeHex(publicKey) }),
  }
}

/** The digest of what runs in an enclave: of PCR0, PCR1 and PCR2, in hexadecimal. */
export async function nitroMeasurement(images: readonly Bytes[]): Promise<string> {
  return await measurementOf('aws-nitro', ...images)
}
