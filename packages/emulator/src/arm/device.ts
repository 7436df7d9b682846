import { assert, concatBytes, encodeHex, encodeUtf8, type Bytes } from '@cloister/codec'
import type { DeviceKey } from '@cloister/attest'
import { subjectPublicKeyInfo } from '../certificate.ts'
import {
  deriveBytes,
  deriveSigningKey,
  sha256,
  type SigningCurve,
  type SigningKey,
} from '../signing-key.ts'

/** What can be chosen about an emulated device of Arm's. */
export type ArmDeviceOptions = {
  /** Names the device: equal seeds, equal device. At least 16 bytes. */
  readonly deviceSeed: Bytes
  readonly curve?: SigningCurve
  /** Bits 15 to 8: the state of its life. Secured unless something else is asked for. */
  readonly lifecycle?: number
  /** 33 bytes, where it shall not be 01 and SHA-256 of the device's key. */
  readonly instanceId?: Bytes
  /** 32 bytes, where it shall not follow from the manufacturer's seed. */
  readonly implementationId?: Bytes
  /** What its tokens list as started, in place of the emulator's own firmware. */
  readonly software?: readonly ArmSoftware[]
}

/** A piece of firmware as tokens list it. */
export type ArmSoftware = {
  readonly name: string
  /** 32, 48 or 64 bytes. */
  readonly measurement: Bytes
  /** 32, 48 or 64 bytes: a digest of the key that signed it. */
  readonly signerId: Bytes
  readonly version?: string
}

/** Who a device is: its key, and what all its tokens say of it. */
export type ArmDevice = {
  readonly key: SigningKey
  /** What a verifier is given to check tokens with. */
  readonly deviceKey: DeviceKey
  /** SHA-256 of the key's SubjectPublicKeyInfo, hexadecimal: what an anchor pins. */
  readonly keySpkiSha256: string
  readonly lifecycle: number
  readonly instanceId: Bytes
  readonly implementationId: Bytes
  readonly software: readonly ArmSoftware[]
}

/** The state `secured`. */
const secured = 0x3000

/** Makes a device. Its key and ids follow from both seeds. */
export function createArmDevice(
  seed: Bytes,
  kind: 'cca' | 'psa',
  options: ArmDeviceOptions,
): ArmDevice {
  const { deviceSeed, lifecycle = secured } = options
  assert(seed.length === 32, `a manufacturer's seed has 32 bytes, got ${seed.length}`)
  assert(deviceSeed.length >= 16, `a device's seed has 16 bytes or more, got ${deviceSeed.length}`)
  const curve = options.curve ?? (kind === 'cca' ? 'P-384' : 'P-256')
  const key = deriveSigningKey(seed, `arm/${kind}/${encodeHex(deviceSeed)}`, curve)
  return {
    key,
    deviceKey: { kind: 'ec', curve, point: key.point },
    keySpkiSha256: encodeHex(sha256(subjectPublicKeyInfo(key))),
    lifecycle,
    instanceId: options.instanceId ?? concatBytes(Uint8Array.of(1), sha256(key.publicKey)),
    implementationId:
      options.implementationId ?? deriveBytes(seed, `arm/${kind}/implementation`, 32),
    software: options.software ?? firmware[kind].map(standardSoftware),
  }
}

/** What devices start where nothing else is chosen. */
const firmware = { cca: ['AP_BL2', 'AP_BL31', 'RMM'], psa: ['SPE', 'NSPE'] }

function standardSoftware(name: string): ArmSoftware {
  return {
    name,
    measurement: sha256(encodeUtf8(`emulated ${name}`)),
    signerId: sha256(encodeUtf8('emulated signer')),
  }
}

/** The software components of a token; `hash` is the name that its profile has for SHA-256. */
export function softwareComponents(
  { software }: ArmDevice,
  hash: string,
): readonly ReadonlyMap<number, string | Bytes>[] {
  return software.map(
    ({ name, measurement, signerId, version = '1.0.0' }) =>
      new Map<number, string | Bytes>([
        [1, name],
        [2, measurement],
        [4, version],
        [5, signerId],
        [6, hash],
      ]),
  )
}
