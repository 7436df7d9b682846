import { encodeCbor, type Bytes, type Cbor } from '@cloister/codec'
import { macCose, signCose } from '../cose.ts'
import { deriveBytes, deriveSigningKey } from '../signing-key.ts'
import {
  createArmDevice,
  softwareComponents,
  type ArmDevice,
  type ArmDeviceOptions,
} from './device.ts'

/** An emulated PSA device. */
export type PsaDevice = Pick<ArmDevice, 'deviceKey' | 'keySpkiSha256' | 'instanceId'> & {
  token(request: PsaTokenRequest): Bytes
  /** A token with a MAC: only who has the key can check it. */
  macToken(request: PsaTokenRequest): Bytes
  /** Signs any bytes as the payload of a token, well-formed or not. */
  signPayload(payload: Bytes): Bytes
}

/** What a token is asked for. */
export type PsaTokenRequest = {
  /** 32, 48 or 64 bytes. */
  readonly nonce: Bytes
  readonly profile?: PsaTokenProfile
  readonly clientId?: number
  /** 8 to 32 bytes that change with each start. */
  readonly bootSeed?: Bytes
  /** Signed by another device's key. */
  readonly wrongKey?: boolean
}

/** Profiles that devices write, as tokens name them. */
export type PsaTokenProfile =
  | 'tag:psacertified.org,2023:psa#tfm'
  | 'http://arm.com/psa/2.0.0'
  | 'PSA_IOT_PROFILE_1'

/** Makes a PSA device. Spec: RFC 9783. */
export function createPsaDevice(seed: Bytes, options: ArmDeviceOptions): PsaDevice {
  const device = createArmDevice(seed, 'psa', options)
  const payload = (request: PsaTokenRequest): Bytes => encodeClaims(seed, device, request)
  return {
    deviceKey: device.deviceKey,
    keySpkiSha256: device.keySpkiSha256,
    instanceId: device.instanceId,
    token: (request) =>
      signCose(
        payload(request),
        request.wrongKey === true
          ? deriveSigningKey(seed, 'arm/psa/stranger', device.key.curve)
          : device.key,
        'tagged',
      ),
    macToken: (request) =>
      macCose(payload(request), deriveBytes(seed, 'arm/psa/symmetric-key', 32)),
    signPayload: (bytes) => signCose(bytes, device.key, 'tagged'),
  }
}

function encodeClaims(seed: Bytes, device: ArmDevice, request: PsaTokenRequest): Bytes {
  const { nonce, profile = 'http://arm.com/psa/2.0.0', clientId = 3002 } = request
  const keys = profile === 'PSA_IOT_PROFILE_1' ? legacyKeys : standardKeys
  return encodeCbor(
    new Map<number, Cbor>([
      [keys.profile, profile],
      [keys.clientId, clientId],
      [keys.lifecycle, device.lifecycle],
      [keys.implementationId, device.implementationId],
      [keys.bootSeed, request.bootSeed ?? deriveBytes(seed, 'arm/psa/boot-seed', 32)],
      [keys.certificationReference, '0000000000000-00000'],
      [keys.softwareComponents, softwareComponents(device, 'SHA256')],
      [keys.nonce, nonce],
      [keys.instanceId, device.instanceId],
      [keys.verificationService, 'https://emulator.cloister.invalid/psa'],
    ]),
  )
}

const standardKeys = {
  nonce: 10,
  instanceId: 256,
  profile: 265,
  clientId: 2394,
  lifecycle: 2395,
  implementationId: 2396,
  bootSeed: 2397,
  certificationReference: 2398,
  softwareComponents: 2399,
  verificationService: 2400,
}

const legacyKeys = {
  profile: -75000,
  clientId: -75001,
  lifecycle: -75002,
  implementationId: -75003,
  bootSeed: -75004,
  certificationReference: -75005,
  softwareComponents: -75006,
  nonce: -75008,
  instanceId: -75009,
  verificationService: -75010,
}
