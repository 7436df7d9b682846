import { encodeHex } from '@cloister/codec'
import type { Lifecycle } from '../arm/lifecycle.ts'
import type { TokenSigner } from '../arm/signed-token.ts'
import { encodeComponents, type SoftwareComponent } from '../arm/software-component.ts'
import type { CommonClaims } from '../claims.ts'
import { measurementOf } from '../identity.ts'
import type { CcaToken, PlatformProfile, PlatformToken, RealmToken } from './parse.ts'

/** What an authentic CCA token says. `reportData` is the realm's challenge, `productLine` the implementation id. */
export type CcaClaims = CommonClaims & {
  readonly tee: 'arm-cca'
  readonly platform: PlatformClaims
  readonly realm: RealmClaims
}

/** What the platform's token says. */
export type PlatformClaims = {
  readonly algorithm: 'ES256' | 'ES384' | 'ES512'
  readonly profile: PlatformProfile
  /** The hash of the realm's key that binds both tokens together. */
  readonly challenge: string
  readonly implementationId: string
  /** Names one platform as its maker does. It is no machine id: nobody but the maker says whose it is. */
  readonly instanceId: string
  /** Whether {@link PlatformClaims.instanceId} is 01 and SHA-256 of the key that signed. */
  readonly instanceIdOfKey: boolean
  readonly config: string
  readonly lifecycle: Lifecycle
  readonly hashAlgorithm: string
  /** One digest of the firmware below the realm: type, measurement and signer of each component. */
  readonly measurement: string
  readonly softwareComponents: readonly SoftwareComponent[]
  readonly verificationService?: string
}

/** What the realm's token says. */
export type RealmClaims = {
  readonly algorithm: 'ES256' | 'ES384' | 'ES512'
  readonly profile?: 'tag:arm.com,2023:realm#1.0.0'
  /** What the host gave when it made the realm. */
  readonly personalisation: string
  readonly initialMeasurement: string
  readonly extensibleMeasurements: readonly string[]
  readonly hashAlgorithm: string
  readonly publicKey: string
  readonly publicKeyEncoding: 'raw-uncompressed-point' | 'COSE_Key'
  readonly publicKeyHashAlgorithm: string
}

/** What a token says, once both signatures and the binding hold. */
export async function readCcaClaims(
  { platform, realm }: CcaToken,
  signer: TokenSigner,
): Promise<CcaClaims> {
  const claims = await readPlatformClaims(platform, signer)
  return {
    tee: 'arm-cca',
    format:
      platform.profile === 'http://arm.com/CCA-SSD/1.0.0' ? 'arm-cca-ssd-1.0.0' : 'arm-cca-1.0.0',
    anchor: signer.anchor,
    productLine: claims.implementationId,
    measurement: await ccaMeasurement(realm),
    reportData: encodeHex(realm.challenge),
    debug: platform.lifecycle.state !== 'secured',
    revocation: 'not-checked',
    endorsement: signer.endorsement,
    platform: claims,
    realm: readRealmClaims(realm),
  }
}

/** The digest of what runs in a realm: of its initial measurement and the four extensible ones, in hexadecimal. */
export async function ccaMeasurement(
  realm: Pick<RealmToken, 'initialMeasurement' | 'extensibleMeasurements'>,
): Promise<string> {
  return await measurementOf('arm-cca', realm.initialMeasurement, ...realm.extensibleMeasurements)
}

async function readPlatformClaims(
  platform: PlatformToken,
  signer: TokenSigner,
): Promise<PlatformClaims> {
  const { softwareComponents, verificationService } = platform
  return {
    algorithm: platform.message.algorithm.name,
    profile: platform.profile,
    challenge: encodeHex(platform.challenge),
    implementationId: encodeHex(platform.implementationId),
    instanceId: encodeHex(platform.instanceId),
    instanceIdOfKey: signer.instanceIdOfKey,
    config: encodeHex(platform.config),
    lifecycle: platform.lifecycle,
    hashAlgorithm: platform.hashAlgorithm,
    measurement: await measurementOf('arm-cca-platform', encodeComponents(softwareComponents)),
    softwareComponents,
    ...(verificationService !== undefined && { verificationService }),
  }
}

function readRealmClaims(realm: RealmToken): RealmClaims {
  const { profile, key } = realm
  return {
    algorithm: realm.message.algorithm.name,
    ...(profile !== undefined && { profile }),
    personalisation: encodeHex(realm.personalisation),
    initialMeasurement: encodeHex(realm.initialMeasurement),
    extensibleMeasurements: realm.extensibleMeasurements.map((value) => encodeHex(value)),
    hashAlgorithm: realm.hashAlgorithm,
    publicKey: encodeHex(key.encoded),
    publicKeyEncoding: key.encoding,
    publicKeyHashAlgorithm: realm.keyHashAlgorithm,
  }
}
