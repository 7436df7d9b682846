import { encodeHex } from '@cloister/codec'
import type { Lifecycle } from '../arm/lifecycle.ts'
import type { TokenSigner } from '../arm/signed-token.ts'
import { encodeComponents, type SoftwareComponent } from '../arm/software-component.ts'
import type { CommonClaims } from '../claims.ts'
import { measurementOf } from '../identity.ts'
import type { PsaProfile, PsaToken } from './parse.ts'

/** What an authentic PSA token says. `reportData` is its nonce, `productLine` the implementation id. */
export type PsaClaims = CommonClaims & {
  readonly tee: 'arm-psa'
  readonly algorithm: 'ES256' | 'ES384' | 'ES512'
  readonly profile: PsaProfile
  /** Names one device as its maker does. It is no machine id: nobody but the maker says whose it is. */
  readonly instanceId: string
  /** Whether {@link PsaClaims.instanceId} is 01 and SHA-256 of the key that signed. */
  readonly instanceIdOfKey: boolean
  readonly implementationId: string
  readonly clientId: number
  readonly lifecycle: Lifecycle
  readonly bootSeed?: string
  readonly certificationReference?: string
  readonly softwareComponents: readonly SoftwareComponent[]
  readonly verificationService?: string
}

const formats: Readonly<Record<PsaProfile, string>> = {
  'tag:psacertified.org,2023:psa#tfm': 'arm-psa-tfm',
  'http://arm.com/psa/2.0.0': 'arm-psa-2.0.0',
  PSA_IOT_PROFILE_1: 'arm-psa-iot-profile-1',
}

/** What a token says, once its signature holds. */
export async function readPsaClaims(token: PsaToken, signer: TokenSigner): Promise<PsaClaims> {
  const { bootSeed, certificationReference, verificationService } = token
  const implementationId = encodeHex(token.implementationId)
  return {
    tee: 'arm-psa',
    format: formats[token.profile],
    anchor: signer.anchor,
    productLine: implementationId,
    measurement: await psaMeasurement(token.softwareComponents),
    reportData: encodeHex(token.nonce),
    debug: token.lifecycle.state !== 'secured',
    revocation: 'not-checked',
    endorsement: signer.endorsement,
    algorithm: token.message.algorithm.name,
    profile: token.profile,
    instanceId: encodeHex(token.instanceId),
    instanceIdOfKey: signer.instanceIdOfKey,
    implementationId,
    clientId: token.clientId,
    lifecycle: token.lifecycle,
    ...(bootSeed && { bootSeed: encodeHex(bootSeed) }),
    ...(certificationReference !== undefined && { certificationReference }),
    softwareComponents: token.softwareComponents,
    ...(verificationService !== undefined && { verificationService }),
  }
}

/** The digest of what runs on a device: type, measurement and signer of each component, in hexadecimal. */
export async function psaMeasurement(components: readonly SoftwareComponent[]): Promise<string> {
  return await measurementOf('arm-psa', encodeComponents(components))
}
